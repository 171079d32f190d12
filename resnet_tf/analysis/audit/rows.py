"""Compares networks with their published figures."""

import gc
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras

from resnet_tf.analysis.audit.differences import differences
from resnet_tf.analysis.audit.facts import Facts, facts
from resnet_tf.analysis.audit.keras_file import load_keras_file
from resnet_tf.analysis.audit.published import PUBLISHED, published, rounds_to
from resnet_tf.analysis.audit.weight_owners import weight_owners
from resnet_tf.config import Published
from resnet_tf.errors import CheckpointError
from resnet_tf.layers import ZeroPadShortcut
from resnet_tf.models.registry import build_model

_CLASSES = 10


@dataclass(frozen=True)
class Row:
    """One network and its reference.

    Attributes:
        name: Registered name, or the path of a file.
        against: Registered name of the reference.
        facts: Counted facts of the network.
        reference: Published figures, for the same number of classes.
        reason: Reason why the network differs; "" if it agrees.
    """

    name: str
    against: str
    facts: Facts
    reference: Published
    reason: str

    @property
    def verdict(self) -> str:
        """The verdict, "agrees" or "differs"."""
        return "differs" if self.reason else "agrees"

    def to_dict(self) -> dict[str, Any]:
        """Returns the row as JSON values."""
        return {**asdict(self), "verdict": self.verdict}


def audit_network(name: str) -> Row:
    """Returns the row of a registered network, built for 10 classes; see `compare`.

    Raises:
        SettingError: If the name is unknown.
    """
    reference = published(name)
    counted = facts(build_model(name))
    # Layers and variables are in reference cycles; only the collector frees them.
    gc.collect()
    return compare(name, counted, reference)


def compare(name: str, counted: Facts, reference: Published) -> Row:
    """Returns the row of a network with 10 classes.

    The network agrees if its parameters and MACs equal the integers of the reference,
    and if the parameters, converted to the number of classes of the published figure,
    round to that figure.
    """
    reasons = []
    if counted.parameters != reference.parameters:
        difference = counted.parameters - reference.parameters
        reasons.append(
            f"{difference:+,} parameters: {counted.parameters:,} instead of "
            f"{reference.parameters:,}"
        )
    head = counted.dense // _CLASSES
    total = counted.parameters + (reference.figure_classes - _CLASSES) * head
    if reference.figure and not rounds_to(total, reference.figure):
        reasons.append(f"{total:,} does not round to the published {reference.figure}")
    if counted.macs != reference.macs:
        reasons.append(f"{counted.macs:,} MACs instead of {reference.macs:,}")
    return Row(name, name, counted, reference, "; ".join(reasons))


def audit_file(path: str | Path, against: str) -> Row:
    """Returns the row of a user's network in a `.keras` file.

    The reference is built with the number of classes in the file. The network agrees
    if it has the same shapes of weights, the same depth, the same receptive field and
    (for equal image sizes) the same MACs, and if it has average-pooling shortcuts of
    this package only if the reference has them. The order and the other connections of
    the layers are not compared.

    Args:
        path: A file with layers of Keras and of this package only.
        against: Name of a registered network.

    Raises:
        SettingError: If `against` is unknown.
        CheckpointError: If the file cannot be read safely, or does not hold a
            supported network from images to classes.
    """
    reference = published(against)
    model = load_keras_file(Path(path))
    classes = _classes(path, model)
    expected = build_model(against, num_classes=classes)
    wanted = facts(expected)
    try:
        counted = facts(model, wanted.input_size)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    reasons = (
        _another_network(counted, wanted, classes)
        or differences(weight_owners(model), weight_owners(expected))
        or _other_geometry(counted, wanted)
        or _pooled_shortcuts(model, expected)
    )
    reference = replace(
        reference,
        parameters=wanted.parameters,
        macs=wanted.macs,
        figure=reference.figure if classes == _CLASSES else "",
    )
    return Row(str(path), against, counted, reference, "; ".join(reasons))


def _classes(path: str | Path, model: keras.Model) -> int:
    shape = model.output_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
        raise CheckpointError(
            f"{path} must end in one output of shape (N, classes), received {shape}"
        )
    return shape[1]


def _another_network(counted: Facts, wanted: Facts, classes: int) -> list[str]:
    """Returns the registered networks with this parameter count, unless it is right."""
    difference = counted.parameters - wanted.parameters
    if not difference:
        return []
    # Registered counts are for 10 classes; each class adds the same number to the head.
    count = counted.parameters + (_CLASSES - classes) * counted.dense // classes
    kind = "network" if counted.depth == wanted.depth else "depth"
    return [
        f"{difference:+,} = another {kind}: {name} has {counted.parameters:,}"
        for name, reference in PUBLISHED.items()
        if reference.parameters == count
    ]


def _other_geometry(counted: Facts, wanted: Facts) -> list[str]:
    """Returns the geometric differences of networks with the same weight shapes."""
    pairs = {
        "depth": (counted.depth, wanted.depth),
        "receptive field": (counted.receptive_field, wanted.receptive_field),
    }
    if counted.input_size == wanted.input_size:
        pairs["MACs"] = (counted.macs, wanted.macs)
    unequal = [
        f"{name} {one:,} instead of {other:,}"
        for name, (one, other) in pairs.items()
        if one != other
    ]
    return ["the same weights, but " + ", ".join(unequal)] if unequal else []


def _pooled_shortcuts(model: keras.Model, expected: keras.Model) -> list[str]:
    """Returns the difference if shortcuts average-pool instead of subsampling."""
    pools, should = (
        any(
            isinstance(layer, ZeroPadShortcut) and layer.mode == "pool"
            for layer in network._flatten_layers()
        )
        for network in (model, expected)
    )
    if not pools or should:
        return []
    return [
        "the same weights, but shortcuts that average-pool (A-pool) instead of taking "
        "every second pixel (A-append)"
    ]
