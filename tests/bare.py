"""Speeds up trainings in tests by skipping work that most tests do not check."""

import contextlib
from collections.abc import Iterator

import pytest

from resnet_tf.config import ExperimentConfig

_MOST = 8


@contextlib.contextmanager
def without_pictures() -> Iterator[None]:
    """Skips the pictures of trainings.

    They take a third of a short training, and do not change the run
    (tests/training/test_display.py).
    """
    from resnet_tf.training import loop

    with pytest.MonkeyPatch.context() as patch:
        for name in ("begin", "report", "end"):
            patch.setattr(loop.Pictures, name, lambda *_: None)
        patch.setattr(loop, "plot_curves", lambda *_: None)
        yield


@contextlib.contextmanager
def bare() -> Iterator[None]:
    """Skips the pictures and the final evaluation of trainings, and compiles less.

    The final evaluation takes a quarter of a short training. Trainings of one config
    share a compiled trainer, which starts each time with the same initial values.
    """
    from resnet_tf.training import loop

    def summarize(folder, rows, *_):
        last = rows[-1]
        rate = last.images_per_second
        return {"step": last.step, "seconds": last.seconds, "images_per_second": rate}

    with without_pictures(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "summarize", summarize)
        patch.setattr(loop, "Trainer", _trainer)
        yield


class _Shared:
    """A trainer on one device, with the values that its variables had at the start."""

    def __init__(self, config, strategy):
        from resnet_tf.training.trainer import Trainer

        self.trainer = Trainer(config, strategy)
        self._start = [variable.numpy() for variable in self._variables()]

    def restarted(self):
        """Returns the trainer as if it were new."""
        import keras

        keras.utils.set_random_seed(self.trainer._config.train.seed)
        for variable, value in zip(self._variables(), self._start, strict=True):
            variable.assign(value)
        return self.trainer

    def _variables(self):
        trainer = self.trainer
        weights = [weight.value for weight in trainer.model.weights]
        others = *trainer.optimizer.variables, *trainer.metrics.variables
        return [*weights, *others, trainer._stop, trainer._wish]


_shared: dict[ExperimentConfig, _Shared] = {}


def _trainer(config, strategy, workers=1):
    from resnet_tf.training.trainer import Trainer

    if workers > 1 or strategy.num_replicas_in_sync > 1:
        return Trainer(config, strategy, workers)
    if config not in _shared:
        while len(_shared) >= _MOST:
            del _shared[next(iter(_shared))]
        _shared[config] = _Shared(config, strategy)
    return _shared[config].restarted()
