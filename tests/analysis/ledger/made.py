"""A plan and records of runs that nobody trained."""

from pathlib import Path

import numpy as np

from resnet_tf.analysis.ledger.record import (
    Answers,
    record_path,
    record_values,
    write_record,
)
from resnet_tf.runs.history import Row

N = 180  # validation images of the digits
TRUTH = np.arange(N) % 10
PLAN = """
seeds = [0, 1, 2]

[budget]
epochs = 2

[base]
recipe = "quickstart"
train_batch_size = 64

[variations]
fast = { init_lr = 0.2 }
deep = { num_residual_blocks = 2 }
"""


def write_plan(folder: Path, text: str = PLAN) -> Path:
    path = folder / "plan.toml"
    path.write_text(text)
    return path


def made(name, config, wrong=(), diverged=None, cpu="CPU", seconds=10.0):
    """Returns the content of a record.

    Args:
        name: Name of the entry.
        config: The experiment.
        wrong: Indices of the wrong predictions.
        diverged: How the run diverged, or None.
        cpu: Name of the processor.
        seconds: Length of the run.
    """
    answers = None
    if diverged is None:
        is_wrong = np.isin(np.arange(N), list(wrong))
        predictions = np.where(is_wrong, (TRUTH + 1) % 10, TRUTH)
        answers = Answers("0" * 64, predictions, is_wrong, 0.5)
    row = Row(config.train.train_steps, 2.0, seconds, 100.0, 0.0, 0.7, 20.0)
    values = record_values(name, config, [row], "tensorflow", answers, diverged)
    return {**values, "commit": "c" * 40, "machine": {"cpu": cpu, "cores": 2}}


def write_made(folder: Path, name: str, config, *arguments, **options) -> Path:
    path = record_path(folder, name, config.train.seed)
    write_record(path, made(name, config, *arguments, **options))
    return path
