"""The readers of our own checkpoints, each with a small checkpoint to damage."""

import contextlib
import functools
import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from resnet_tf.checkpoints.files import CONFIG, METRICS, WEIGHTS
from resnet_tf.checkpoints.stored import open_checkpoint
from resnet_tf.checkpoints.weights import (
    load_checkpoint,
    load_weights_strictly,
)
from resnet_tf.config import ModelConfig
from resnet_tf.models import build_model
from resnet_tf.runs.state import RunState, fault, states
from tests.reliability.mutants.tally import NO_CHECKSUM, SAME, Reader

BEFORE = "the state before"


def readers(source: Path, work: Path) -> Iterator[Reader]:
    """Yields every reader.

    Args:
        source: A checkpoint folder; it is copied.
        work: An empty folder.
    """
    yield folder_reader(source, work / "folder")
    yield bare_reader(work / "alone.weights.h5")
    yield state_reader(work / "states")


def folder_reader(source: Path, folder: Path) -> Reader:
    """Returns the reader of a checkpoint folder.

    A network is built and filled once for each pair of settings and weights that
    passes the checks: what is loaded depends on nothing else.
    """
    folder.mkdir()
    files = [folder / name for name in (WEIGHTS, CONFIG, METRICS)]
    for file in files:
        shutil.copyfile(source / file.name, file)

    @functools.cache
    def loaded(settings: str, weights_sha256: str) -> str:
        return digest(load_checkpoint(folder).model.weights, settings)

    def read() -> str:
        stored = open_checkpoint(folder)
        settings = json.dumps(stored.config.to_dict(), sort_keys=True)
        return loaded(settings, stored.weights.sha256)

    return Reader("checkpoint folder", read, {read(): SAME}, files)


def bare_reader(path: Path) -> Reader:
    """Returns the reader of a `.weights.h5` alone, as `--init_from` takes it."""
    model = build_model(ModelConfig(num_residual_blocks=1), dtype="float32")
    model.save_weights(path)

    def read() -> str:
        load_weights_strictly(model, path)
        return digest(model.weights)

    return Reader("weights alone", read, {read(): SAME}, [path], NO_CHECKSUM)


def state_reader(folder: Path) -> Reader:
    """Returns the reader of the states of a run. The newest of two is damaged.

    As in `folder_reader`, each state that passes the checks is restored once.
    """
    model = build_model(ModelConfig(num_residual_blocks=1), dtype="float32")
    seen = tf.Variable(0, dtype=tf.int64)
    variables = [*model.weights, seen]
    state = RunState(folder, model=model, seen=seen)
    right = {}
    for step, words in ((1, BEFORE), (2, SAME)):
        _move(variables, step)
        state.save(step, seconds=float(step))
        right[digest(variables, f"{step} {float(step)}")] = words

    @functools.cache
    def restored(*manifests: str) -> str:
        _move(variables, 0)
        state = RunState(folder, model=model, seen=seen)
        with contextlib.redirect_stdout(io.StringIO()):
            step = state.restore()
        return digest(variables, f"{step} {state.notes['seconds']}")

    def read() -> str:
        whole = [path for path in states(folder) if not fault(path)]
        return restored(*((path / "manifest.json").read_text() for path in whole))

    files = sorted(states(folder)[-1].iterdir())
    return Reader("state of a run", read, right, files)


def digest(weights, text: str = "") -> str:
    """Returns a SHA-256 of arrays in their order, and of a text."""
    whole = hashlib.sha256(text.encode())
    for weight in weights:
        whole.update(np.ascontiguousarray(keras.ops.convert_to_numpy(weight)).tobytes())
    return whole.hexdigest()


def _move(variables, seed: int) -> None:
    draw = np.random.default_rng(seed)
    for variable in variables:
        variable.assign(draw.uniform(1, 100, variable.shape))
