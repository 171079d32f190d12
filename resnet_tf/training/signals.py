"""SIGTERM and Ctrl-C as requests to stop, noticed even while TensorFlow computes."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_AT_ONCE = b"stopped at once; the same command resumes from the last checkpoint\n"


def end_quietly() -> None:
    """Makes Ctrl-C end the process at once, without a traceback.

    This holds during the imports, until `interrupting` is entered. An ignored Ctrl-C
    stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """Context whose work Ctrl-C and SIGTERM end, with all cleanup.

    Some libraries replace the exception with their own; the context still ends with
    `KeyboardInterrupt`. A signal that the process ignores stays ignored. Outside the
    main thread, the context does nothing.

    Raises:
        KeyboardInterrupt: After a signal.
    """
    received = []

    def handle(number: int, frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    with contextlib.ExitStack() as cleanup:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                previous = signal.getsignal(number)
                if previous != signal.SIG_IGN:
                    signal.signal(number, handle)
                    handler = previous or signal.SIG_DFL
                    cleanup.callback(signal.signal, number, handler)
        try:
            yield
        except BaseException as error:
            if received and not isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt from error
            raise


class StopSignals:
    """Context in which the first signal asks to stop and the second ends the process.

    Python runs a handler only between two of its own instructions, and a call of the
    compiled loop is one instruction. So the signal's number is also written to a pipe
    at once, and a thread that reads the pipe calls `ask`.

    Enter it after making a strategy, as strategies install handlers. Outside the main
    thread, where Python does not allow handlers, it does nothing. A signal that the
    process ignores stays ignored.

    Args:
        ask: Called in another thread after the first signal.
        alone: Whether no other worker waits for this one. If one does, `interruptible`
            does not interrupt.

    Attributes:
        asked: Whether a signal has arrived.
    """

    def __init__(self, ask: Callable[[], None], alone: bool = True):
        self.asked = False
        self._alone = alone
        self._ask = ask
        self._heard = False
        self._interruptible = False
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            read_end, write_end = os.pipe()
            os.set_blocking(write_end, False)
            listener = threading.Thread(target=self._listen, args=(read_end,))
            listener.daemon = True
            listener.start()
            # Cleanup runs in reverse order: closing the pipe ends the thread.
            self._cleanup.callback(listener.join)
            self._cleanup.callback(os.close, write_end)
            previous = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
            self._cleanup.callback(signal.set_wakeup_fd, previous)
            for number in _SIGNALS:
                self._install(number)
        return self

    def __exit__(self, *exception: object) -> None:
        self._cleanup.close()

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        """Context for work that does not change the run: a signal interrupts it.

        Raises:
            KeyboardInterrupt: If a signal has arrived or arrives.
        """
        self._interruptible = self._alone
        try:
            if self.asked and self._alone:
                raise KeyboardInterrupt
            yield
        finally:
            self._interruptible = False

    def _install(self, number: signal.Signals) -> None:
        previous = signal.getsignal(number)
        if previous != signal.SIG_IGN:
            signal.signal(number, self._handle)
            # None means a handler that Python did not install.
            self._cleanup.callback(signal.signal, number, previous or signal.SIG_DFL)

    def _handle(self, number: int, frame: object) -> None:
        self.asked = True
        if self._interruptible:
            raise KeyboardInterrupt

    def _listen(self, read_end: int) -> None:
        while received := os.read(read_end, 1):
            if received[0] not in _SIGNALS:
                continue
            if self._heard:
                os.write(2, _AT_ONCE)
                os._exit(128 + received[0])
            self._heard = True
            self._ask()
        os.close(read_end)
