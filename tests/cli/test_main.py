import subprocess
import sys

import pytest

from resnet_tf.cli.command import guarded
from resnet_tf.cli.main import main
from resnet_tf.errors import (
    CheckpointError,
    DataError,
    DivergedError,
    PeerError,
    RunFolderError,
    StoppedError,
)


def test_help_lists_the_commands(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    commands = "audit bench import launch models preview recipes verify-resume"
    for command in commands.split():
        assert command in text


def test_help_shows_defaults_and_families(capsys):
    for command, line in (
        ("landscape", "--seed SEED Seed of the directions. (default: 0)"),
        ("compare", "that each dense layer adds, k. [densenet]"),
    ):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert line in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["nothing"], "argument COMMAND: invalid choice: 'nothing'"),
        (["recipes", "--jsn"], "unrecognized arguments: --jsn"),
        (["recipes", "--js"], "unrecognized arguments: --js"),
    ],
)
def test_a_wrong_argument_is_one_line_with_exit_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DataError("no\n data"), 3, "error: no data\n"),
        (CheckpointError("bad"), 4, "error: bad\n"),
        (DivergedError("the loss became nan"), 5, "error: the loss became nan\n"),
        (RunFolderError("in use"), 6, "error: in use\n"),
        (PeerError("lost"), 7, "error: lost\n"),
        (KeyboardInterrupt(), 75, "stopped\n"),
        (StoppedError("stopped after step 3", 3), 75, "stopped after step 3\n"),
    ],
)
def test_errors_have_their_exit_code(error, code, line, capsys):
    def fail():
        raise error

    with pytest.raises(SystemExit) as caught:
        guarded(fail)
    assert caught.value.code == code
    assert capsys.readouterr().err == line


def test_an_unexpected_error_keeps_its_traceback():
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        guarded(fail)


def test_a_reader_that_exits_early_is_not_an_error():
    command = f"{sys.executable} -m resnet_tf recipes wenxinxu | head -n 1"
    answer = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stderr) == (0, "")
