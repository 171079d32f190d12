import os
import signal
import subprocess
import sys
import threading

import pytest

from resnet_tf.training.signals import StopSignals

# A call in C, like TensorFlow's, during which Python runs no handler.
CHILD = """
import hashlib
from resnet_tf.training.signals import StopSignals

with StopSignals(lambda: print("asked", flush=True)):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
"""


@pytest.fixture(autouse=True)
def handlers():
    """Signal handlers are restored, also after a failure."""
    # Background jobs ignore Ctrl-C.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    yield before
    found = {number: signal.getsignal(number) for number in before}
    for number, handler in before.items():
        signal.signal(number, handler)
    signal.signal(signal.SIGINT, inherited)
    assert found == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_without_interrupting(number):
    asked = threading.Event()
    with StopSignals(asked.set) as signals:
        assert not signals.asked
        os.kill(os.getpid(), number)
        assert asked.wait(600)
        assert signals.asked


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_heard_in_a_long_call_and_the_second_ends_it(second):
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and its children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    with process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(second)
        _, errors = process.communicate(timeout=600)
    assert process.returncode == 128 + second
    assert errors.startswith("stopped at once; ") and errors.count("\n") == 1


def test_interruptible_work():
    with StopSignals(lambda: None) as signals:
        with signals.interruptible():
            pass
        with pytest.raises(KeyboardInterrupt), signals.interruptible():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(600)
        # Later work does not begin.
        with pytest.raises(KeyboardInterrupt), signals.interruptible():
            pytest.fail("not reached")


def test_an_ignored_signal_stays_ignored(handlers):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with StopSignals(lambda: None) as signals:
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == signals._handle
        assert not signals.asked
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, handlers[signal.SIGINT])


def test_other_threads_do_not_change_handlers(handlers):
    found = []

    def work():
        with StopSignals(lambda: None):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [handlers[signal.SIGTERM]]
