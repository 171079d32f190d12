import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_tf import streams
from resnet_tf.cli.command import fail, guarded
from resnet_tf.cli.main import main
from resnet_tf.reporting.progress import Progress
from resnet_tf.runs.history import Row

ROOT = Path(__file__).parents[1]
FULL = "error: stdout cannot be written: No space left on device\n"


def stream(descriptor, encoding="utf-8"):
    return streams._safe(descriptor, io.TextIOWrapper(io.BytesIO(), encoding))


@pytest.fixture
def pipe():
    read_end, write_end = os.pipe()
    yield read_end, write_end
    for descriptor in (read_end, write_end):
        try:
            os.close(descriptor)
        except OSError:
            pass


@pytest.mark.parametrize("text", ["x", "x" * 100_000])
def test_a_full_device_or_a_lost_reader_raises_no_error(pipe, monkeypatch, text):
    os.close(pipe[0])
    full = os.open("/dev/full", os.O_WRONLY)
    for descriptor, gone in ((full, False), (pipe[1], True)):
        out = stream(descriptor)
        monkeypatch.setattr(sys, "stdout", out)
        assert streams.failure() is None
        for _ in range(2):
            print(text, flush=True)
        assert streams.reader_is_gone() == gone
        assert streams.failure().strerror == (
            "Broken pipe" if gone else "No space left on device"
        )
    os.close(full)


def test_unencodable_and_control_characters_are_escaped(pipe):
    out = stream(pipe[1], "ascii")
    print("Kühe\x1b[2J\tA\x00\r\x9b", "B\udcff", file=out)
    print("moving", end="\r", file=out, flush=True)
    expected = b"K\\xfche\\x1b[2J\tA\\x00\\r\\x9b B\\udcff\nmoving\r"
    assert os.read(pipe[0], 1000) == expected


def test_a_live_line_is_for_a_terminal_only(pipe, monkeypatch):
    row = Row(1, 0.1, 1.0, 2.0, 0.1, 3.0, 4.0)
    for moving in (False, True):
        out = stream(pipe[1])
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(out, "isatty", lambda moving=moving: moving)
        progress = Progress(10, 0, 5)
        progress.moved(1, 2.0)
        progress.report(row)
        said = os.read(pipe[0], 1000)
        assert said.startswith(b"\rstep  1/10 | 2 images/s" if moving else b"step  1")
        assert said.count(b"\x1b[K") == 2 * moving


def test_replaced_streams_are_kept(capsys):
    before = sys.stdout, sys.stderr
    guarded(lambda: print("hello"))
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr().out == "hello\n"


def test_an_error_is_one_line_without_control_characters(capsys):
    with pytest.raises(SystemExit):
        fail("a \n  b \x1b[31m/x  y\x07\x9b\n", 4)
    assert capsys.readouterr().err == "error: a b \\x1b[31m/x  y\\x07\\x9b\n"


@pytest.mark.parametrize(
    ("command", "code", "error"),
    [
        ("-m resnet_tf recipes > /dev/full", 6, FULL),
        ("-m resnet_tf --help > /dev/full", 6, FULL),
        ("-m resnet_tf recipes >&-", 0, ""),
        ("-m resnet_tf recipes nope 2>&-", 2, ""),
        ("-m resnet_tf recipes nope 2> /dev/full", 2, ""),
        ("-m resnet_tf recipes <&- >&- 2>&-", 0, ""),
        ("train.py --help > /dev/full", 6, FULL),
        ("eval.py --nope=1 >&- 2>&-", 2, ""),
        ("-OO -m resnet_tf recipes > /dev/null", 0, ""),
        ("-OO train.py --help > /dev/null", 0, ""),
    ],
)
def test_commands_with_full_and_closed_streams(command, code, error):
    shell = ["sh", "-c", f'exec "$0" {command}', sys.executable]
    answer = subprocess.run(shell, cwd=ROOT, capture_output=True, text=True)
    assert (answer.returncode, answer.stderr) == (code, error)


def test_a_new_file_never_replaces_a_closed_stream(tmp_path):
    """Otherwise the new file would have descriptor 1, and libraries print into it."""
    code = (
        "from resnet_tf import streams; streams.prepare(); import os; "
        f"file = open({str(tmp_path / 'a')!r}, 'w'); print('x', flush=True); "
        "os.write(1, b'y'); os.write(2, b'z'); assert file.fileno() > 2"
    )
    shell = ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code]
    assert subprocess.run(shell, cwd=ROOT).returncode == 0
    assert (tmp_path / "a").read_bytes() == b""


@pytest.mark.parametrize("command", ["-m resnet_tf recipes", "train.py", "eval.py"])
def test_ctrl_c_during_the_imports_is_quiet(tmp_path, command):
    interrupt = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"
    for name in ("argparse.py", "absl.py"):
        (tmp_path / name).write_text(interrupt)
    answer = subprocess.run(
        [sys.executable, *command.split()],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        capture_output=True,
        text=True,
    )
    assert (answer.returncode, answer.stderr) == (-signal.SIGINT, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("swallowed", [False, True])
def test_a_signal_ends_a_command_and_handlers_are_restored(capsys, number, swallowed):
    cleaned = []
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]

    def work():
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        except KeyboardInterrupt:
            if swallowed:  # as in C libraries
                raise ImportError from None
            raise
        finally:
            cleaned.append(1)

    with pytest.raises(SystemExit) as stop:
        guarded(work)
    assert (stop.value.code, cleaned) == (75, [1])
    assert capsys.readouterr().err == "stopped\n"
    after = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    signal.signal(signal.SIGINT, inherited)
    assert after == before


def test_predict_ends_when_its_reader_exits(tmp_path, monkeypatch, capsys):
    from resnet_tf.cli import predict

    seen = []

    def found(ckpt, files, top):
        for name in files:
            seen.append(name)
            yield predict.Prediction(name, error="it is not an image")

    monkeypatch.setattr(predict, "predict_files", found)
    monkeypatch.setattr(predict, "reader_is_gone", lambda: len(seen) == 2)
    with pytest.raises(SystemExit):
        main(["predict", "--ckpt=model_20", *"abcd"])
    assert len(seen) == 2
