"""Processes that start and end together; none of them needs TensorFlow."""

import os
import signal
import sys
import threading
import time

import pytest

from resnet_tf.cli.main import main
from resnet_tf.distribution import launcher

START = """
import json, os, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
index, workers = config["task"]["index"], config["cluster"]["worker"]
"""


@pytest.fixture
def launched(tmp_path, capfdbinary, monkeypatch):
    """Returns a function that launches workers with the given lines of Python.

    It returns the exit code, stdout and stderr of the command.
    """

    def run(*lines, workers=2, grace=0.5):
        monkeypatch.setattr(launcher, "_GRACE", grace)
        # Variables that the tests set would override the share of a worker.
        monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        script = tmp_path / "script.py"
        script.write_text(START + "\n".join(lines))
        options = [f"--workers={workers}", f"--log_dir={tmp_path / 'logs'}"]
        with pytest.raises(SystemExit) as caught:
            main(["launch", *options, "--", str(script), "--flag=1"])
        out, err = capfdbinary.readouterr()
        return caught.value.code, out.decode(), err.decode()

    return run


def test_every_worker_has_an_index_a_log_and_a_share_of_cores(launched, tmp_path):
    code, out, err = launched(
        "print(index, sys.argv[1:], len(set(workers)))",
        "print(os.environ['TF_NUM_INTRAOP_THREADS'])",
        workers=3,
    )
    assert (code, err) == (0, "")
    share = max(1, launcher.cores() // 3)
    for index in range(3):
        log = tmp_path / "logs" / f"worker-{index}.log"
        assert log.read_text() == f"{index} ['--flag=1'] 3\n{share}\n"
        assert f"worker {index}: process " in out and str(log) in out
    # Only the chief's lines are shown.
    assert out.endswith(f"0 ['--flag=1'] 3\n{share}\n") and "1 ['--flag" not in out


@pytest.mark.parametrize(
    ("does", "code", "says"),
    [
        ("os.kill(os.getpid(), 9)", 7, "worker 1 of 2 was killed by signal 9; all are"),
        (
            "print('error: no data', file=sys.stderr); sys.exit(3)",
            3,
            "worker 1 of 2 ended with exit code 3, saying 'error: no data'; all are",
        ),
    ],
)
def test_a_failing_worker_ends_all(launched, does, code, says):
    found, _, err = launched(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        f"if index: {does}",
        "signal.pause()",  # until it is killed
    )
    assert found == code
    assert says in err and err.startswith("error: ") and err.count("\n") == 1
    assert ("resumes from the last checkpoint" in err) == (code == 7)


def test_the_worker_with_its_own_error_is_reported(launched):
    """A worker that lost this worker is not reported."""
    found, _, err = launched("time.sleep(index)", "sys.exit([7, 6][index])", grace=600)
    assert (found, "worker 1 of 2 ended with exit code 6" in err) == (6, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_forwarded(launched, tmp_path, number):
    ready = [tmp_path / f"ready{index}" for index in range(2)]

    def interrupt():
        while not all(path.exists() for path in ready):
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    before = signal.getsignal(number)
    code, _, err = launched(
        f"signal.signal({int(number)}, lambda *_: sys.exit(75))",
        f"open({str(tmp_path / 'ready')!r} + str(index), 'w').close()",
        "signal.pause()",
    )
    thread.join()
    assert (code, err) == (75, "")
    assert signal.getsignal(number) == before


def test_launch_needs_a_script(capsys, tmp_path):
    for arguments, message in (
        (["--workers=2"], "launch needs a script after --, received none"),
        (["--workers=0", "--", "x.py"], "workers must be at least 1, received 0"),
    ):
        with pytest.raises(SystemExit) as caught:
            main(["launch", *arguments])
        assert caught.value.code == 2
        assert capsys.readouterr().err == f"error: {message}\n"


def test_logs_that_cannot_be_written(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as caught:
        main(["launch", f"--log_dir={tmp_path / 'file'}", "--", sys.executable])
    assert caught.value.code == 6
    assert "file cannot be written: File exists" in capsys.readouterr().err
