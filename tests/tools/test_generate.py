import pytest
from generate import PAGES, generated, main


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setitem(PAGES, "page.md", lambda: {"one": lambda: "new"})
    return "page.md"


def test_only_the_parts_change(page):
    text = "before\n<!-- begin: one -->\nold\n<!-- end: one -->\nafter\n"
    assert generated(page, text) == text.replace("old", "new")


@pytest.mark.parametrize("times", [0, 2])
def test_a_part_must_be_there_once(page, times):
    text = "<!-- begin: one -->\n<!-- end: one -->\n" * times
    message = rf"page.md must have one part 'one', found {times}"
    with pytest.raises(ValueError, match=message):
        generated(page, text)


def test_a_whole_page_is_checked_where_there_is_something_to_make_it_from(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("generate.ROOT", tmp_path)
    monkeypatch.setattr("generate.PAGES", {})
    whole = {"page.md": lambda: "new", "none.md": lambda: None}
    monkeypatch.setattr("generate.WHOLE", whole)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert main() == 1
    assert capsys.readouterr().err == "page.md is not up to date\n"
    (tmp_path / "page.md").write_text("new")
    assert main() == 0
