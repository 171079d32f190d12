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


def test_a_page_that_is_not_up_to_date_is_named(page, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("generate.ROOT", tmp_path)
    monkeypatch.setattr("generate.PAGES", {page: PAGES[page]})
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    text = "<!-- begin: one -->\nold\n<!-- end: one -->\n"
    (tmp_path / page).write_text(text)
    assert main() == 1
    assert capsys.readouterr().err == "page.md is not up to date\n"
    assert (tmp_path / page).read_text() == text
    (tmp_path / page).write_text(text.replace("old", "new"))
    assert main() == 0
