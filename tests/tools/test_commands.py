from types import SimpleNamespace

import commands
import pytest
from commands import NAMES, reference, settings
from paths import ROOT

from resnet_tf.config import iter_settings


def test_a_table_describes_each_argument():
    lines = reference("predict").splitlines()
    assert (
        "| `IMAGE ...` | required | Image files of any size, folders" in lines[4][:65]
    )
    assert "| `--top` | 5 | Classes to show per file. |" in lines
    assert lines[lines.index("## Exit codes") + 2 :] == [
        "| code | when |",
        "|---|---|",
        "| 0 | Done. |",
        "| 1 | If a file could not be used. |",
        "| 2 | An argument is unknown or missing. If `top` is below 1. |",
        "| 4 | If the checkpoint is missing, damaged or inconsistent. |",
        "| 75 | Ctrl-C. |",
    ]


def test_a_script_has_its_flags_and_its_exit_codes():
    text = reference("eval")
    assert "| `--ckpt` | required | Released model, checkpoint folder or run" in text
    assert "| `--split` | test | `test`, `validation`. Images to evaluate on. |" in text
    assert "| `--download` | yes |" in text
    assert "| 3 | If the data set is not available. |" in text


def test_every_exit_code_has_a_row():
    lines = commands.exit_codes().splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        f"| {code}" for code in (0, 1, 2, 3, 4, 5, 6, 7, 75)
    ]
    missing = "| 3 | A data set is missing, incomplete or damaged. | `DataError` |"
    assert missing in lines
    assert lines[3].endswith(" | A check did not hold, or some of the inputs "
                             "could not be used. |  |")  # fmt: skip


@pytest.mark.parametrize("name", ["train", "compare", "preview", "verify-resume"])
def test_settings_have_one_page(name):
    text = reference(name)
    assert "every [setting](settings.md)" in text
    assert "`--recipe`" in text and "`--weight_decay`" not in text


def test_every_setting_is_there_once():
    text = settings()
    for spec in iter_settings():
        assert text.count(f"\n| `--{spec.name}` |") == 1
    assert "| `--seed` | 0 | Seed of the weights, the order and" in text
    assert "| `--crop_scale` | 0.8,1.0 |" in text
    assert "| `--nesterov` | no |" in text


def test_an_error_of_several_lines_becomes_one_sentence(monkeypatch):
    def run():
        """Does it.

        Raises:
            DataError: If a name
                is unknown.
            MissingDataError: If it is gone.
        """

    monkeypatch.setitem(commands._MODULES, "new", SimpleNamespace(run=run))
    expected = ("3", "If a name is unknown. If it is gone.")
    assert expected in commands._codes("new")


def test_the_code_of_a_process_that_failed_comes_last():
    assert commands._codes("compare")[-1] == (
        "another",
        "If a training failed, with its exit code; with 1 if it was killed.",
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_a_purpose_and_examples(name):
    """Checks the text that is written by hand."""
    text = (ROOT / f"docs/commands/{name}.md").read_text()
    by_hand = text.partition("<!-- end: about -->")[2].partition("<!-- begin")[0]
    called = f"python {name}.py" if (ROOT / f"{name}.py").exists() else None
    assert by_hand.count("\n```") == 2 and "Use it" in by_hand
    assert (called or f"python -m resnet_tf {name}") in by_hand
