import json
import subprocess

import pytest
import tutorial

PAGE = """# Page

```sh
cd sub
```

```
not run
```

```sh
printf 'one\\ntwo\\n'
test -f train.py
```

<!-- begin: seen -->
<!-- end: seen -->
"""


@pytest.fixture
def page(monkeypatch, tmp_path):
    """Writes the page; returns a function that writes its record."""

    def write(commands):
        blocks = [{"command": command, "lines": ["one"]} for command in commands]
        (tmp_path / "record.json").write_text(json.dumps({"blocks": blocks}))

    (tmp_path / "page.md").write_text(PAGE)
    monkeypatch.setattr(tutorial, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(tutorial, "RECORD", tmp_path / "record.json")
    return write


def test_the_blocks_are_the_marked_ones():
    commands, names = zip(*tutorial.blocks(PAGE), strict=True)
    assert commands == ("cd sub\n", "printf 'one\\ntwo\\n'\ntest -f train.py\n")
    assert names == ("", "seen")


def test_a_part_shows_the_output_of_its_block(page):
    page(command for command, _ in tutorial.blocks(PAGE))
    parts = tutorial.parts()
    assert parts.keys() == {"seen"}
    assert parts["seen"]() == "```text\none\n```"


def test_commands_without_a_record_are_an_error(page):
    page(["cd sub\n", "printf one\n"])
    message = "the commands have changed; run: python tools/tutorial.py"
    with pytest.raises(ValueError, match=message):
        tutorial.parts()


def test_the_commands_run_in_a_folder_with_the_scripts():
    (done,) = tutorial.record(PAGE.replace("cd sub", "").replace("```sh\n\n```", ""))
    assert done["lines"] == ["one", "two"]
    with pytest.raises(subprocess.CalledProcessError):
        tutorial.record(PAGE)
