import json

import keras
import pytest

from resnet_tf.cli.main import main
from resnet_tf.models import build_model


@pytest.fixture
def projected(tmp_path) -> str:
    """Returns the file of a user's ResNet-20 with projections."""
    path = tmp_path / "mine.keras"
    build_model("resnet20", shortcut="B").save(path)
    return str(path)


def test_one_line_per_network(capsys):
    main(["audit", "resnet20", "resnet32", "uva_preact"])
    heading, first, note, *others = capsys.readouterr().out.splitlines()
    rows = [first, *others]
    assert heading.split()[:2] == ["network", "parameters"]
    cells = [row.split() for row in rows]
    assert [row[:2] + row[-1:] for row in cells] == [
        ["resnet20", "269,722", "agrees"],
        ["resnet32", "464,154", "agrees"],
        ["uva_preact", "272,250", "agrees"],
    ]
    assert "40.55M" in cells[0] and "40.81M" in cells[2]
    assert note.startswith("    its shortcuts are the paper's option A")


def test_json(capsys):
    main(["audit", "uva_preact", "--json"])
    record = json.loads(capsys.readouterr().out)
    (row,) = record["networks"]
    assert row["facts"]["parameters"] == row["reference"]["parameters"] == 272_250
    assert (row["verdict"], row["reason"]) == ("agrees", "")
    assert record["versions"]["keras"] == keras.__version__


def test_a_difference_has_exit_code_1_and_a_reason(projected, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["audit", "resnet20", projected, "--against=resnet20"])
    assert caught.value.code == 1
    text = capsys.readouterr().out
    assert text.count("agrees") == text.count("differs") == 1
    assert "+2,752 = projections at two transitions" in text


def test_an_unknown_name_is_refused_before_anything_is_built(monkeypatch, capsys):
    monkeypatch.setattr("resnet_tf.analysis.audit.audit_network", pytest.fail)
    with pytest.raises(SystemExit) as caught:
        main(["audit", "resnet20", "resnet21"])
    assert caught.value.code == 2
    assert "unknown network 'resnet21'" in capsys.readouterr().err


def test_a_file_that_agrees(tmp_path, capsys):
    path = tmp_path / "mine.keras"
    build_model("resnet20", order="pre").save(path)
    main(["audit", str(path), "--against=resnet20"])
    _, row, note = capsys.readouterr().out.splitlines()
    assert row.endswith("agrees") and "A-pool" in note


def test_average_pooling_shortcuts_differ_from_the_paper(tmp_path, capsys):
    path = tmp_path / "mine.keras"
    build_model("resnet20", shortcut="A-pool").save(path)
    with pytest.raises(SystemExit) as caught:
        main(["audit", str(path), "--against=resnet20"])
    assert caught.value.code == 1
    _, row, reason, _ = capsys.readouterr().out.splitlines()
    assert row.endswith("differs")
    assert reason.strip() == (
        "the same weights, but shortcuts that average-pool (A-pool) instead of taking "
        "every second pixel (A-append)"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["resnet21"], 2, "unknown network 'resnet21'; did you mean resnet32"),
        (["mine.keras"], 2, "a .keras file and --against go together"),
        (["--against=resnet20"], 2, "a .keras file and --against go together"),
        (["mine.keras", "--against=resnet21"], 2, "unknown network 'resnet21'"),
        (["mine.keras", "--against=resnet20"], 4, "mine.keras is missing"),
    ],
)
def test_wrong_arguments(arguments, code, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["audit", *arguments])
    assert caught.value.code == code
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
