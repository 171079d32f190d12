"""The readers of the records of a finished run and of an export."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from resnet_tf.analysis.comparison.exports import read_export
from resnet_tf.analysis.comparison.record import training_figures
from resnet_tf.analysis.comparison.runs import by_network, read_run
from resnet_tf.checkpoints.files import CONFIG, METRICS, WEIGHTS, write_json
from resnet_tf.config import ExperimentConfig
from resnet_tf.reporting.progress import closing
from resnet_tf.runs.folder import HISTORY, SUMMARY
from resnet_tf.runs.history import History, Row, read_history
from resnet_tf.training.train import train
from tests.reliability.mutants.tally import NO_CHECKSUM, SAME, Reader

_WEIGHTS = b"weights"
_EXPORT = {
    "checkpoint": "model_20",
    "format": "onnx",
    "metadata": {"checkpoint": "model_20", "parameters": 269_722, "temperature": 1.3},
    "runtime": "onnxruntime 1.32.0",
    "images": "digits test",
    "n": 500,
    "error": 10.2,
    "bytes": 1_121_374,
    "latency_ms": 1.34,
    "failures": [],
    "machine": {"cpu": "CPU", "cores": 4, "system": "Linux"},
}


def readers(work: Path) -> Iterator[Reader]:
    """Yields every reader.

    Args:
        work: An empty folder.
    """
    yield _compared(_run(work / "compared"))
    yield _finished(_run(work / "finished"))
    yield _resumed(_run(work / "resumed") / HISTORY)
    yield _exported(work / "export.json")


def _run(folder: Path) -> Path:
    """Writes the files of a finished run; no reader here opens its weights."""
    folder.mkdir()
    config = ExperimentConfig.from_flat({"train_steps": 3}, "quickstart")
    digest = hashlib.sha256(_WEIGHTS).hexdigest()
    errors = {"validation_error": 12.5, "n_validation": 200}
    errors |= {"test_error": 13.0, "n_test": 360}
    best = {f"best_{name}": value for name, value in errors.items()}
    write_json(folder / CONFIG, config.to_dict())
    (folder / WEIGHTS).write_bytes(_WEIGHTS)
    names = [f"digit {n}" for n in range(10)]
    metrics = {"step": 3, **errors, "class_names": names, "weights_sha256": digest}
    write_json(folder / METRICS, metrics)
    counts = {"best_step": 2, "peak_memory": 2**29, "num_workers": 1, "seed": 0}
    times = {"step": 3, "seconds": 4.5, "images_per_second": 99.5}
    write_json(folder / SUMMARY, times | errors | best | counts)
    history = History(folder / HISTORY, 0)
    for step in (1, 2, 3):
        history.append(Row(step, step / 2, 1.5 * step, 99.5, 0.1, 2.0, 80.0, 2.1, 81.0))
    return folder


def _compared(folder: Path) -> Reader:
    """`compare --runs`, up to the weights."""

    def read() -> str:
        groups = by_network([read_run(folder)])
        return _digest({name: training_figures(runs) for name, runs in groups.items()})

    files = [folder / name for name in (SUMMARY, HISTORY, METRICS, CONFIG)]
    return Reader("run, by compare", read, {read(): SAME}, files, NO_CHECKSUM)


def _finished(folder: Path) -> Reader:
    """`train.py` with the command of a run that is finished."""
    config = ExperimentConfig.from_flat({"train_steps": 3}, "quickstart")

    def read() -> str:
        with contextlib.redirect_stdout(io.StringIO()):
            summary = train(config, folder)
        return _digest([summary, closing(summary, "run", None)])

    files = [folder / name for name in (SUMMARY, CONFIG)]
    return Reader("run, by train.py", read, {read(): SAME}, files, NO_CHECKSUM)


def _resumed(path: Path) -> Reader:
    """The history of a resumed run: reports after a damage are made again."""

    def read() -> str:
        return _digest([asdict(row) for row in read_history(path)])

    return Reader("history, on resume", read, {read(): SAME}, [path], NO_CHECKSUM)


def _exported(path: Path) -> Reader:
    write_json(path, _EXPORT)

    def read() -> str:
        return _digest(read_export(path))

    return Reader("export, by compare", read, {read(): SAME}, [path], NO_CHECKSUM)


def _digest(value) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
