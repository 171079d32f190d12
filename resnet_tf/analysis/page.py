"""Writes a report as a Markdown page and as one self-contained web page."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resnet_tf.disk import write_text


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: The table's `id` in the web page; a click on a column head sorts it.
        head: One text per column.
        rows: One text per cell.
    """

    name: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """A PNG file in the folder of the page, and its caption."""

    file: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of a page: a title and an optional text, table and pictures."""

    title: str
    text: str = ""
    table: Table | None = None
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Page:
    """A title, sections, and footer paragraphs in small print."""

    title: str
    sections: Sequence[Section]
    footer: Sequence[str] = ()


def write_page(page: Page, markdown_file: Path, html_file: Path) -> None:
    """Writes the page as Markdown and as HTML.

    Args:
        page: The page; its pictures are in the folder of the files.
        markdown_file: File to write; it links the pictures.
        html_file: File to write; it embeds the pictures and escapes every text.

    Raises:
        OSError: If a file cannot be written.
    """
    write_text(markdown_file, markdown(page))
    write_text(html_file, _html(page, html_file.parent))


def markdown(page: Page) -> str:
    """Returns the page as Markdown."""
    parts = [f"# {page.title}"]
    for section in page.sections:
        parts.append(f"## {section.title}")
        if section.text:
            parts.append(section.text)
        if section.table:
            parts.append(_markdown_table(section.table))
        for picture in section.pictures:
            parts += [f"![{picture.text}]({picture.file})", f"*{picture.text}*"]
    return "\n\n".join([*parts, *page.footer]) + "\n"


def origin(record: Mapping[str, Any]) -> str:
    """Returns a sentence on the origin of a record's figures.

    Args:
        record: Record with `command` and the keys of `provenance`.
    """
    versions = ", ".join(f"{name} {v}" for name, v in record["versions"].items() if v)
    machine = record["machine"]
    return (
        f"Written by `{record['command']}`, commit {record['commit']}, {versions}; "
        f"{machine['cores']} cores of {machine['cpu']}."
    )


def _markdown_table(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *table.rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _html(page: Page, folder: Path) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    def inline(picture: Picture) -> str:
        data = base64.b64encode((folder / picture.file).read_bytes()).decode()
        return f"data:image/png;base64,{data}"

    environment = Environment(
        loader=PackageLoader("resnet_tf.analysis", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(page=page, inline=inline)
