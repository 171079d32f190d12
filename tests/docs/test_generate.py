import pytest
from generate import PAGES, generated


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
