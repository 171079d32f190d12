import json
import re
import shutil
import subprocess

import pytest
from PIL import Image

from resnet_tf.analysis.comparison.report import page, write_report
from resnet_tf.analysis.page import markdown

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# Clicks on "parameters" twice; then prints the text of the page.
CLICKS = """<script>
const header = document.querySelectorAll("#networks th")[5];
const labels = () => [...document.querySelectorAll("#networks tbody tr")]
  .map((row) => row.cells[0].textContent).join();
const seen = [labels()];
for (let n = 0; n < 2; n++) { header.querySelector("button").click();
  seen.push(labels(), header.getAttribute("aria-sort")); }
document.title = seen.join(" ");
</script></body>"""


def test_the_files_of_the_folder(record, tmp_path):
    write_report(tmp_path / "new", record)
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    pictures = ["confusion.png", "costs.png", "curves.png"]
    assert names == ["comparison.json", "comparison.md", *pictures, "report.html"]
    assert json.loads((tmp_path / "new/comparison.json").read_text()) == record
    for name in pictures:
        with Image.open(tmp_path / "new" / name) as picture:
            assert picture.width >= 900 and picture.height >= 400


def test_the_tables(record):
    text = markdown(page(record))
    row = next(line for line in text.splitlines() if line.startswith("| small"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "small", "5.50 ± 0.71 %", "3.50 to 7.50", "2", "5.50 % (n = 50)", "90,000",
        "9.0 M", "0.36 MB", "1.0 min", "1,234", "1,024 MiB", "2.0 ms", "128.0 ms",
    ]  # fmt: skip
    assert "| large - small | -0.50 | -1.50 to +0.50 | 3 and 1 | 0.62 |" in text
    assert "python 3.11; 2 cores of CPU" in text


def test_unknown_values_are_dashes(record):
    record["networks"][1] |= {
        "error_sd": None, "validation_errors": [], "peak_memory": None,
    }  # fmt: skip
    row = next(
        x for x in markdown(page(record)).splitlines() if x.startswith("| small")
    )
    assert row.startswith("| small | 5.50 % | 3.50 to 7.50 | 2 | - | 90,000")
    assert " | 1,234 | - | " in row


def test_the_page_is_self_contained_and_escapes_text(record, tmp_path):
    write_report(tmp_path, record)
    page = (tmp_path / "report.html").read_text()
    assert "Take &lt;i&gt;small&lt;/i&gt;." in page and "<i>small" not in page
    sources = re.findall(r"""(?:src|href)=["']([^"']*)""", page)
    assert len(sources) == 4
    assert all(source.startswith("data:") for source in sources)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_in_a_browser(record, tmp_path):
    write_report(tmp_path, record)
    page = tmp_path / "report.html"
    page.write_text(page.read_text().replace("</body>", CLICKS))
    done = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
            "--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )  # fmt: skip
    title = re.search("<title>(.*?)</title>", done.stdout).group(1)
    assert title == (
        "large,small,poor small,large,poor ascending poor,large,small descending"
    )
    assert "CONSOLE" not in done.stderr
