"""Finds the classic mistake that explains the accuracy of a checkpoint."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from resnet_tf.analysis.classic_mistakes import Mistake, classic_mistakes
from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.checkpoints.weights import Checkpoint, load_checkpoint
from resnet_tf.config import ExperimentConfig, ModelConfig
from resnet_tf.data.sources import ensure_available, load_split, require_classes
from resnet_tf.data.split import Split
from resnet_tf.errors import DataError
from resnet_tf.evaluation.counts import confusion_matrix, wilson_interval
from resnet_tf.evaluation.full_pass import FullPass, Result, finite
from resnet_tf.models import build_model

IMAGES = 500
_BATCH, _SHOWN = 125, 10
# Standard deviations. A dozen ways are tried, so a gain of 2 would often be chance.
_SURE = 2.5
_ALIKE = 2.0  # within this many, two ways do not differ significantly
AS_IT_IS = Mistake("as it is", "it is used as its config.json says")


@dataclass(frozen=True)
class Attempt:
    """The result of one way to use a checkpoint.

    Attributes:
        name: Name of the way.
        words: Description of the fault, if this is the right way.
        n: Number of images.
        accuracy: Share of images classified correctly, in percent.
        loss: Mean cross-entropy in nats.
        points: Gain in accuracy over the unchanged checkpoint on the same images, in
            percentage points.
        deviations: Mean reduction of the loss per image compared with the unchanged
            checkpoint, in standard errors.
    """

    name: str
    words: str
    n: int
    accuracy: float
    loss: float
    points: float
    deviations: float

    @property
    def surely_better(self) -> bool:
        """Whether this way is better by more than chance explains.

        The loss is more sensitive than the accuracy: a shift by one pixel changes the
        predicted class of few images but the confidence of most.
        """
        return self.points > 0 and self.deviations > _SURE

    @property
    def range(self) -> tuple[float, float]:
        """The confidence interval of the accuracy at `_SURE` deviations, in percent."""
        wrong = round(self.n * (1 - self.accuracy / 100))
        low, high = wilson_interval(wrong, self.n, _SURE)
        return 100 - high, 100 - low

    def as_good_as(self, best: "Attempt") -> bool:
        """Returns whether chance can explain that this way is worse than `best`."""
        share = best.accuracy / 100
        luck = 100 * math.sqrt(2 * share * (1 - share) / self.n)
        return best.accuracy - self.accuracy <= _ALIKE * luck


@dataclass(frozen=True)
class Diagnosis:
    """The findings about a checkpoint.

    Attributes:
        attempts: The unchanged checkpoint, then every other way, best first.
        stated: The accuracy in the checkpoint's metrics, in percent, or None.
        verdict: One sentence.
        healthy: Whether no fault was found.
    """

    attempts: tuple[Attempt, ...]
    stated: float | None
    verdict: str
    healthy: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns the findings as JSON values."""
        return dataclasses.asdict(self)


def examine(
    ckpt: str | Path, *, data_dir: str | None = None, cache_dir: str | None = None
) -> Diagnosis:
    """Returns the diagnosis of a checkpoint on its first test images.

    Args:
        ckpt: A released model's name, a checkpoint folder or a run folder.
        data_dir: See `DataConfig`; nothing is downloaded.
        cache_dir: See `DataConfig`.

    Raises:
        CheckpointError: If the checkpoint is missing, damaged or inconsistent.
        DataError: If the data set is not available, or has no test images.
        SettingError: If it is a folder of images and `data_dir` is None.
    """
    checkpoint = load_checkpoint(resolve(str(ckpt)))
    data = dataclasses.replace(
        checkpoint.config.data, data_dir=data_dir, cache_dir=cache_dir, download=False
    )
    ensure_available(data)
    images = load_split(data, "test").part("test", 0, IMAGES)
    if len(images) == 0:
        raise DataError(f"the test split of {data.dataset} holds no images")
    require_classes(images, checkpoint.config.model.num_classes)
    return diagnosis(checkpoint, images)


def diagnosis(checkpoint: Checkpoint, images: Split) -> Diagnosis:
    """Returns the diagnosis of a checkpoint on labeled images.

    A mistake explains the result if the way it describes has a higher accuracy than
    the config's way and a significantly lower loss per image.

    Args:
        checkpoint: The checkpoint.
        images: Labeled images of its data set.
    """
    networks = _Networks(checkpoint)
    before = networks.result(images, AS_IT_IS)
    finite(before.logits, "the test split")
    attempts = [_attempt(AS_IT_IS, before, before)]
    others = [_renumbered(before)]
    for way in classic_mistakes(checkpoint.config):
        others.append(_attempt(way, networks.result(images, way), before))
    attempts += sorted(others, key=lambda one: one.accuracy, reverse=True)
    stated = checkpoint.metrics.get("test_error")
    stated = None if stated is None else 100 - stated
    verdict, healthy = _verdict(attempts, stated, len(images.class_names))
    return Diagnosis(tuple(attempts), stated, verdict, healthy)


class _Networks:
    """The networks that a checkpoint's weights fit, each compiled once."""

    def __init__(self, checkpoint: Checkpoint):
        self._checkpoint = checkpoint
        self._passes: dict[ModelConfig, FullPass] = {}

    def result(self, images: Split, way: Mistake) -> Result:
        """Returns the network's outputs for the images, used in one way."""
        config = way.applied(self._checkpoint.config)
        if config.model not in self._passes:
            self._passes[config.model] = FullPass(self._model(config), config.data)
        pixels = np.ascontiguousarray(way.pixels(images.images))
        seen = dataclasses.replace(images, images=pixels)
        return self._passes[config.model].prepared_as(config.data)(seen, _BATCH)

    def _model(self, config: ExperimentConfig) -> keras.Model:
        model = self._checkpoint.model
        if config.model == self._checkpoint.config.model:
            return model
        other = build_model(
            config.model, dtype="float32", input_shape=config.image_shape
        )
        other.set_weights(model.get_weights())
        return other


def _renumbered(before: Result) -> Attempt:
    """Returns the attempt with renumbered classes.

    The first half of the images determines the numbers, the second half the accuracy.
    """
    half, names = before.n // 2, before.class_names
    guesses, labels = before.predictions[:half], before.labels[:half]
    # Rows are predictions here; ties between pairs go to the first pair.
    counts = confusion_matrix(guesses, labels, len(names))
    numbers = np.arange(len(names))
    for _ in names:
        guess, label = np.unravel_index(counts.argmax(), counts.shape)
        numbers[guess] = label
        counts[guess], counts[:, label] = -1, -1
    pairs = [f"{names[i]} means {names[j]}" for i, j in enumerate(numbers) if i != j]
    if len(pairs) > _SHOWN:
        pairs[_SHOWN:] = [f"and {len(pairs) - _SHOWN} more"]
    way = Mistake(
        "other labels",
        "its classes are numbered in another order: "
        + ", ".join(pairs or ["each class means itself"]),
    )
    rest = dataclasses.replace(
        before, logits=before.logits[half:], labels=before.labels[half:]
    )
    logits = rest.logits[:, numbers.argsort()]
    return _attempt(way, dataclasses.replace(rest, logits=logits), rest)


def _attempt(way: Mistake, result: Result, before: Result) -> Attempt:
    saved = before.losses - result.losses
    luck = saved.std() / math.sqrt(result.n)
    return Attempt(
        name=way.name,
        words=way.words,
        n=result.n,
        accuracy=100 - result.error,
        loss=result.loss,
        points=before.error - result.error,
        deviations=float(saved.mean() / luck) if luck else 0.0,
    )


def _verdict(
    attempts: list[Attempt], stated: float | None, classes: int
) -> tuple[str, bool]:
    """Returns the verdict sentence, and whether the checkpoint is healthy."""
    as_it_is, *others = attempts
    now = f"{as_it_is.accuracy:.1f} %"
    guessing = 100 / classes
    better = [one for one in others if one.surely_better and one.range[0] > guessing]
    if better:
        best, *rest = better
        text = f"{best.words}; corrected, {best.accuracy:.1f} % are right, not {now}"
        alike = [one.name for one in rest if one.as_good_as(best)]
        if alike:
            text += f" (about as good on these images: {', '.join(alike)})"
        return text, False
    low, high = as_it_is.range
    if stated is not None and stated > high:
        return (
            f"{now} are right but its metrics.json states {stated:.1f} %, and no "
            "mistake that was tried explains the difference",
            False,
        )
    if low <= guessing:
        return (
            f"{now} are right, no better than guessing, and no mistake that was tried "
            "explains it: the network may be untrained, or for another data set",
            False,
        )
    return f"{now} are right, and no mistake that was tried explains the rest", True
