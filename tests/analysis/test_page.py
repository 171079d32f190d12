from pathlib import Path

from resnet_tf.analysis.page import Page, Picture, Section, Table, markdown, write_page

PAGE = Page(
    "A & B",
    [
        Section("One", "Text.", Table("t", ["a", "b"], [["x|y", "<i>"]])),
        Section("Two", pictures=[Picture("p.png", "What it shows.")]),
    ],
    ["Small print."],
)


def test_markdown():
    assert markdown(PAGE) == "\n\n".join([
        "# A & B", "## One", "Text.", "| a | b |\n| --- | --- |\n| x\\|y | <i> |",
        "## Two", "![What it shows.](p.png)", "*What it shows.*", "Small print.\n",
    ])  # fmt: skip


def test_the_web_page_escapes_text_and_embeds_the_picture(tmp_path: Path):
    (tmp_path / "p.png").write_bytes(b"png")
    write_page(PAGE, tmp_path / "p.md", tmp_path / "p.html")
    assert (tmp_path / "p.md").read_text() == markdown(PAGE)
    page = (tmp_path / "p.html").read_text()
    assert "<title>A &amp; B</title>" in page and "<h2>One</h2>" in page
    assert "<td>x|y</td><td>&lt;i&gt;</td>" in page and '<table id="t">' in page
    assert '<img src="data:image/png;base64,cG5n" alt="What it shows.">' in page
    assert "<footer><p>Small print.</p></footer>" in page
