"""Trainings without what most tests of a run do not look at."""

import contextlib
from collections.abc import Iterator

import pytest


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Trainings draw no pictures and evaluate nothing at their end.

    That is more than half of a short training, and changes no bit of the run
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
