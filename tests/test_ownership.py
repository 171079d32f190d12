import os
from pathlib import Path

import numpy as np
import pytest

from resnet_tf.analysis.sheet import is_sheet, write_sheet
from resnet_tf.cli.command import require_json_output, write_json_output
from resnet_tf.cli.main import main
from resnet_tf.errors import OutputError
from resnet_tf.ownership import (
    holds_record,
    listed,
    require_own_file,
    require_report_folder,
)
from resnet_tf.reporting.provenance import provenance

ROOT = Path(__file__).parents[1]


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("record", ["evaluation.json", "comparison.json"])
@pytest.mark.parametrize(
    "files",
    [
        {"report.html": "mine"},
        {"{record}": "{}"},
        {"{record}": "mine"},
        {"confusion.png": "mine", "{record}": '{"versions": 1}'},
        {"partial.thesis.txt": "mine"},
    ],
)
def test_a_report_refuses_a_folder_of_the_user(tmp_path, files, record):
    names = [name.format(record=record) for name in files]
    for name, text in zip(names, files.values(), strict=True):
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    with pytest.raises(OutputError) as caught:
        require_report_folder(tmp_path, "report", record)
    assert str(caught.value) == (
        f"report must be new, empty or made by resnet_tf, received {tmp_path}, which "
        f"holds {', '.join(sorted(names))}"
    )
    assert contents(tmp_path) == before


def test_a_report_accepts_a_new_an_empty_and_its_own_folder(tmp_path):
    require_report_folder(tmp_path / "new", "report", "a.json")
    require_report_folder(tmp_path, "report", "a.json")
    (tmp_path / "runs").mkdir()
    require_report_folder(tmp_path, "report", "a.json", ("runs",))
    (tmp_path / "partial.a.json").write_text("{")
    require_report_folder(tmp_path, "report", "a.json", ("runs",))
    write_json_output(str(tmp_path / "a.json"), provenance())
    (tmp_path / "notes.txt").write_text("mine, next to a report")
    require_report_folder(tmp_path, "report", "a.json")


@pytest.mark.parametrize(
    "command",
    [
        "landscape --ckpt=model_20 --output=OUT",
        "compare --models=resnet20 --output=OUT",
        "import model.th --output=OUT",
        "export --ckpt=model_20 --format=saved_model --output=OUT",
    ],
)
def test_commands_refuse_a_folder_of_the_user(tmp_path, capsys, command):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(command.replace("OUT", str(tmp_path)).split())
    assert stop.value.code == 6
    said = capsys.readouterr().err
    assert said.startswith("error: output must be ") and said.count("\n") == 1
    assert contents(tmp_path) == {tmp_path / "thesis.txt": b"mine"}


@pytest.mark.parametrize(
    "command",
    [
        "models --json_output=OUT",
        "bench --json_output=OUT",
        "doctor model_20 --json_output=OUT",
        "export --ckpt=model_20 --format=saved_model --output=x --json_output=OUT",
        "verify-resume --json_output=OUT",
        "preview --output=OUT",
    ],
)
@pytest.mark.parametrize("text", ["mine", "{}", '{"error": 7.5, "commit": "x"}'])
def test_commands_refuse_a_file_of_the_user(tmp_path, capsys, command, text):
    file = tmp_path / "thesis.png"
    file.write_text(text)
    with pytest.raises(SystemExit) as stop:
        main(command.replace("OUT", str(file)).split())
    assert stop.value.code == 6
    rule = "must be a new file or one that resnet_tf made, received"
    assert f"{rule} {file}\n" in capsys.readouterr().err
    assert file.read_text() == text


def test_a_record_is_recognized_and_replaced(tmp_path):
    file = tmp_path / "a.json"
    file.touch()
    for number in (1, 2):
        require_json_output(str(file))
        write_json_output(str(file), {"number": number, **provenance()})
        assert holds_record(file)
    assert f'"number": {number}' in file.read_text()
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_created_in_the_meantime_is_kept(tmp_path):
    file = tmp_path / "a.json"
    require_json_output(str(file))
    file.write_text("mine")
    with pytest.raises(OutputError, match="must be a new file"):
        write_json_output(str(file), provenance())
    assert file.read_text() == "mine"


def test_a_link_or_a_device_is_written_to(tmp_path):
    (tmp_path / "link").symlink_to("a.json")
    write_json_output(str(tmp_path / "link"), provenance())
    assert (tmp_path / "link").is_symlink() and holds_record(tmp_path / "a.json")
    require_json_output("/dev/null")
    write_json_output("/dev/null", provenance())
    assert not os.path.isfile("/dev/null")


def test_a_sheet_is_recognized_and_replaced(tmp_path):
    file = tmp_path / "a.png"
    image = np.zeros((1, 8, 8, 3), np.uint8)
    write_sheet(file, [image])
    assert is_sheet(file) and not is_sheet(tmp_path / "missing")
    require_own_file(file, "output", is_sheet)
    write_sheet(file, [image])
    file.write_bytes(file.read_bytes().replace(b"resnet_tf", b"something"))
    with pytest.raises(OutputError, match="must be a new file"):
        require_own_file(file, "output", is_sheet)


def test_logs_of_another_program_are_kept(tmp_path, capsys):
    command = ["launch", "--workers=1", f"--log_dir={tmp_path}", "--", "-c", "print(7)"]
    (tmp_path / "worker-0.log").write_text("mine")
    with pytest.raises(SystemExit) as stop:
        main(command)
    assert stop.value.code == 6
    assert "which holds worker-0.log" in capsys.readouterr().err
    assert contents(tmp_path) == {tmp_path / "worker-0.log": b"mine"}


def test_names_in_a_message_are_few_and_visible():
    assert listed(["a", "b\x1b[2J\n"]) == "a, b\\x1b[2J\\n"
    assert listed(list("abcde")) == "a, b, c and 2 more"
