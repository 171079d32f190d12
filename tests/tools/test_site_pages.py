"""The site has every page, and its links lead to pages of the site."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import resnet_tf

pytest.importorskip("mkdocs")
import site_pages  # noqa: E402

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))


def test_the_navigation_has_every_page():
    listed = re.findall(r": (\S+\.(?:md|ipynb))$", read(ROOT / "mkdocs.yml"), re.M)
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    pages -= {"comparison/comparison.md"}  # what `compare` wrote, as it wrote it
    pages |= {path.relative_to(DOCS).as_posix() for path in NOTEBOOKS}
    assert sorted(listed) == sorted(pages)


def test_the_reference_has_every_public_name():
    text = site_pages.public_names()
    names = re.findall(r"^::: (\S+)\.(\w+)$", text, re.M)
    assert [name for _, name in names] == resnet_tf.__all__
    rooms = {home.split(".")[1] for home, _ in names}
    assert rooms <= set(site_pages.rooms())
    assert "cli" not in site_pages.rooms() and "data" in site_pages.rooms()


def test_each_page_of_a_file_in_the_clone_is_that_file():
    pages = site_pages.generated()
    assert pages["models/model_20.md"] == read(ROOT / "pretrained/model_20/README.md")
    assert pages["security.md"] == read(ROOT / "SECURITY.md")


@pytest.mark.parametrize(
    ("page", "link", "expected"),
    [
        ("growth.md", "[a](intervals.md#coverage)", "[a](intervals.md#coverage)"),
        ("scale.md", "[](../pretrained/model_56/README.md)", "[](models/model_56.md)"),
        ("commands/eval.md", "[a](../../SECURITY.md#x)", "[a](../security.md#x)"),
        ("commands/eval.md", "[a](../../README.md#start)", "[a](../README.md)"),
        ("growth.md", "[a](../resnet_tf/layers/dense.py)", "[a](api/layers.md)"),
        ("growth.md", "[a](../benchmarks/run.py)", "a"),
        ("growth.md", "![a](images/model_20.png)", "![a](images/model_20.png)"),
        ("growth.md", "[a](#part), [b](https://x.org/y)", "[a](#part), [b](https://x.org/y)"),
        ("growth.md", "`f[a](b.md)`", "`f[a](b.md)`"),
        ("growth.md", "[`a`](../benchmarks/run.py) `b`", "`a` `b`"),
        ("security.md", "[a](docs/reliability.md)", "[a](reliability.md)"),
        ("models/model_20.md", "[a](../../docs/recipes.md)", "[a](../recipes.md)"),
    ],
)  # fmt: skip
def test_links_lead_to_the_site(page, link, expected):
    assert site_pages.led(link, page) == expected


def test_each_argument_has_an_entry_of_its_own():
    """The reference does not understand an entry for several arguments."""
    several = re.compile(r"^ +\w+(?:, \w+)+: ", re.M)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for path in ROOT.glob("resnet_tf/**/*.py"):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, documented):
                _, _, entries = (ast.get_docstring(node) or "").partition("Args:\n")
                assert several.findall(entries.partition("\n\n")[0]) == [], path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_holds_no_output(path):
    cells = json.loads(read(path))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    for cell in code:
        assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    command = ["-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    answer = run(*command, cwd=ROOT)
    assert answer.returncode == 0, answer.stderr
    reference = read(tmp_path / "api/index.html")
    assert all(f".{name}" in reference for name in resnet_tf.__all__)
    assert "Raises" in reference and "Folder of decoded images" in reference
    assert (tmp_path / "notebooks/quickstart.html").is_file()
    found = json.loads(read(tmp_path / "search/search_index.json"))["docs"]
    assert any("verify-resume" in one["location"] for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_on_the_digits(path, tmp_path):
    copy = tmp_path / path.name
    copy.write_text(read(path))
    code = f"""
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read({str(copy)!r}, as_version=4)
options = {{"resources": {{"metadata": {{"path": {str(tmp_path)!r}}}}}}}
NotebookClient(notebook, timeout=900, kernel_name="python3", **options).execute()
nbformat.write(notebook, {str(copy)!r})
"""
    answer = run("-c", code, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    outputs = [
        output
        for cell in json.loads(read(copy))["cells"]
        for output in cell.get("outputs", [])
    ]
    texts = "".join("".join(output.get("text", [])) for output in outputs)
    (error,) = re.findall(r"^error (\S+) % \(n = 360", texts, re.M)
    assert float(error) < 5
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def run(*arguments, cwd):
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)
