"""The hook of mkdocs.yml: pages of the site that are not files in docs.

The site also has the model cards, the security page, the changelog, the page of the
native kernels, and an API page for each room of the package. A link to one of their
sources leads to the page. A link to any other file outside docs becomes plain text.
"""

import functools
import pkgutil
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

import resnet_tf

ROOT = Path(__file__).resolve().parents[1]
HOME = "README.md"
# Programs and data: users import neither.
_LEFT_OUT = {"__main__", "cli", "pretrained"}
# A block of code, a link to a path, or code in a line, whichever begins first.
_TOKEN = re.compile(
    r"^```.*?^```"
    r"|\[(?P<text>[^\[\]]*)\]\((?P<path>(?![a-z]+:)[^)\s#]+)(?P<part>#[^)\s]*)?\)"
    r"|`[^`\n]+`",
    re.DOTALL | re.MULTILINE,
)


def rooms() -> list[str]:
    """Returns the rooms of the package that the API reference describes."""
    found = (module.name for module in pkgutil.iter_modules(resnet_tf.__path__))
    return sorted(name for name in found if name not in _LEFT_OUT)


@functools.cache
def copies() -> dict[str, str]:
    """Returns the copied pages: the path in the clone by the path in the site."""
    pages = {
        "changelog.md": "CHANGELOG.md",
        "native.md": "resnet_tf/native/README.md",
        "security.md": "SECURITY.md",
    }
    for card in sorted(ROOT.glob("pretrained/*/README.md")):
        name = card.parent.name
        pages[f"models/{name}.md"] = f"pretrained/{name}/README.md"
    return pages


def public_names() -> str:
    """Returns the API page of the names that `import resnet_tf` gives."""
    homes = resnet_tf._HOMES
    parts = ["# resnet_tf", "The package imports each name when you first use it."]
    # The pages of the rooms define the anchors.
    for name in resnet_tf.__all__:
        options = f"heading: {name}, toc_label: {name}, skip_local_inventory: true"
        parts.append(f"::: {homes[name]}.{name}\n    options: {{{options}}}")
    return "\n\n".join(parts) + "\n"


def generated() -> dict[str, str]:
    """Returns the text of each page that is not a file in docs, by its path."""
    pages = {page: (ROOT / source).read_text() for page, source in copies().items()}
    pages["api/index.md"] = public_names()
    pages |= {f"api/{room}.md": f"::: resnet_tf.{room}\n" for room in rooms()}
    return pages


def on_config(config):
    """Adds the pages to the navigation."""
    cards = [page for page in copies() if page.startswith("models/")]
    config.nav += [
        {"Model cards": [{Path(page).stem: page} for page in cards]},
        {"API": ["api/index.md", *({room: f"api/{room}.md"} for room in rooms())]},
        {
            "Project": [
                {"Native kernels": "native.md"},
                {"Security": "security.md"},
                {"Changelog": "changelog.md"},
            ]
        },
    ]
    return config


def on_files(files, config):
    """Adds the pages to the files of the site."""
    for page, text in generated().items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Leads the links of a page to the site."""
    uri = page.file.src_uri
    if uri.startswith("api/"):
        return markdown
    return led(markdown, uri)


def led(text: str, page: str) -> str:
    """Returns the text of a page with links that lead to the site.

    Args:
        text: Markdown whose links are relative to the source in the clone.
        page: Path of the page in the site.
    """
    source = copies().get(page, f"docs/{page}")
    return _TOKEN.sub(functools.partial(_link, source, page), text)


def _link(source: str, page: str, match: re.Match) -> str:
    if match["path"] is None:  # code
        return match[0]
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["path"]))
    target = _site_path(path)
    if target is None:
        return match["text"]
    link = posixpath.relpath(target, posixpath.dirname(page) or ".")
    part = match["part"] or ""
    return f"[{match['text']}]({link}{'' if target == HOME else part})"


def _site_path(path: str) -> str | None:
    """Returns the path in the site for a path in the clone, None if there is none."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path == "README.md":
        return HOME
    for page, source in copies().items():
        if path == source:
            return page
    top, *rest = path.split("/")
    room = rest[0].removesuffix(".py") if top == "resnet_tf" and rest else None
    return f"api/{room}.md" if room in rooms() else None
