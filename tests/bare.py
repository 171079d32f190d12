"""Speeds up trainings in tests by skipping work that most tests do not check."""

import contextlib
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Skips the pictures and the final evaluation of trainings.

    They take more than half of a short training, and do not change the run
    (tests/training/test_display.py).
    """
    from resnet_tf.training import loop

    def summarize(folder, rows, *_):
        last = rows[-1]
        rate = last.images_per_second
        return {"step": last.step, "seconds": last.seconds, "images_per_second": rate}

    with pytest.MonkeyPatch.context() as patch:
        for name in ("begin", "report", "end"):
            patch.setattr(loop.Pictures, name, lambda *_: None)
        patch.setattr(loop, "plot_curves", lambda *_: None)
        patch.setattr(loop, "summarize", summarize)
        yield
