"""The outer loop: calls, reports, checkpoints, and the end of the run."""

import math
import statistics
import time
from pathlib import Path
from typing import Any

import tensorflow as tf

from resnet_tf.checkpoints.files import METRICS, read_json, write_json
from resnet_tf.checkpoints.initial import initialize
from resnet_tf.checkpoints.run_state import RunState
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.sources import load_split, require_classes
from resnet_tf.data.split import Split
from resnet_tf.errors import DivergedError, RunFolderError
from resnet_tf.evaluation.full_pass import FullPass, checkpoint_pass
from resnet_tf.machine import has_bfloat16
from resnet_tf.reporting.curves import plot_curves
from resnet_tf.reporting.history import History, Row
from resnet_tf.reporting.progress import Progress
from resnet_tf.reporting.provenance import provenance
from resnet_tf.reporting.tensorboard import TensorBoard
from resnet_tf.training.pace import Pace
from resnet_tf.training.run_folder import RunFolder
from resnet_tf.training.strategy import make_strategy
from resnet_tf.training.trainer import Trainer


class Run:
    """A run from its last checkpoint to its end.

    Args:
        config: The experiment.
        folder: Its folder, created.
    """

    def __init__(self, config: ExperimentConfig, folder: RunFolder):
        self._config = config
        self._folder = folder
        self._train_images = load_split(config.data, "train")
        self._validation_images = load_split(config.data, "validation")
        require_classes(self._train_images, config.model.num_classes)
        self._strategy = make_strategy(config.train)
        self._trainer = Trainer(config, self._strategy)
        self._validate = FullPass(self._trainer.model, config.data, config.train.lanes)
        self._state = RunState(
            folder.states,
            model=self._trainer.model,
            optimizer=self._trainer.optimizer,
            metrics=self._trainer.metrics,
        )
        self._step = self._state.restore()
        if not self._step and config.train.init_from:
            print(initialize(self._trainer.model, config), flush=True)
        self._history = History(folder.history, self._step)
        if self._step and not self._history.rows:
            raise RunFolderError(
                f"{folder.history} must have the reports up to step {self._step}, "
                "received none; start anew in another --run_dir"
            )
        self._save_best()

    def train(self) -> None:
        """Does the updates that are left, with their reports."""
        train = self._config.train
        progress = Progress(train.train_steps, self._step, len(self._validation_images))
        board = TensorBoard(self._folder.tensorboard)
        pace = Pace(train.report_freq, train.steps_per_call)
        batches = self._batches()
        rows = self._history.rows
        started = time.monotonic() - (rows[-1].seconds if rows else 0.0)
        training_seconds, reported = 0.0, self._step
        self._announce()
        while self._step < train.train_steps:
            steps = pace.next_call(self._step, train.train_steps)
            seconds = self._call(batches, steps)
            pace.measured(steps, seconds)
            training_seconds += seconds
            images = (self._step - reported) * train.train_batch_size
            progress.moved(self._step, images / training_seconds)
            at_end = self._step == train.train_steps
            if self._step % train.report_freq == 0 or at_end:
                self._refuse_divergence("sum of the weights", self._trainer.sum(), 0)
                row = self._row(started, images / training_seconds)
                self._report(row)
                board.append(row)
                progress.report(row)
                training_seconds, reported = 0.0, self._step
        board.close()

    def finish(self) -> dict[str, Any]:
        """Evaluates the last and the best weights and writes the summary."""
        print("evaluating the last and the best weights", flush=True)
        folder, rows = self._folder, self._history.rows
        plot_curves(folder.curves, rows, folder.path.name)
        splits = [load_split(self._config.data, "test"), self._validation_images]
        summary = {
            "step": self._step,
            "seconds": rows[-1].seconds,
            "images_per_second": statistics.median(r.images_per_second for r in rows),
            **self._errors(folder.path, splits),
        }
        best = self._history.best()
        if best is not None:
            errors = self._errors(folder.best, splits)
            summary["best_step"] = best.step
            summary |= {f"best_{name}": value for name, value in errors.items()}
        summary |= {
            "num_replicas": self._strategy.num_replicas_in_sync,
            "seed": self._config.train.seed,
            **provenance(),
        }
        folder.finish(summary)
        return summary

    def _announce(self) -> None:
        model, train = self._trainer.model, self._config.train
        trained = sum(math.prod(weight.shape) for weight in model.trainable_weights)
        frozen = " to train" if train.freeze != "none" else ""
        print(
            f"{model.name}: {trained:,} parameters{frozen} | "
            f"{self._config.data.dataset}: "
            f"{len(self._train_images):,} training and "
            f"{len(self._validation_images):,} validation images | "
            f"{train.mixed_precision} | {self._folder.path}",
            flush=True,
        )
        optimizer = self._config.optimizer
        if optimizer.schedule == "step" and train.train_steps <= optimizer.decay_step0:
            print(
                f"the rate never drops: decay_step0={optimizer.decay_step0} is not "
                f"below train_steps={train.train_steps}",
                flush=True,
            )
        if train.mixed_precision == "bfloat16" and _on_slow_cpu():
            print(
                "this CPU has no instructions for bfloat16: "
                "--mixed_precision=float32 is several times as fast",
                flush=True,
            )
        if self._step:
            print(f"going on from step {self._step}", flush=True)

    def _batches(self):
        train = self._config.train
        batches = training_batches(
            self._train_images,
            self._config.data,
            batch_size=train.train_batch_size,
            seed=train.seed,
            start_step=self._step,
            num_classes=self._config.model.num_classes,
        )
        return iter(self._strategy.experimental_distribute_dataset(batches))

    def _call(self, batches, steps: int) -> float:
        """Does `steps` updates and returns their seconds.

        Raises:
            DivergedError: If the training loss is no finite number.
        """
        start = time.monotonic()
        self._trainer.run(batches, tf.constant(steps))
        loss, _ = self._trainer.metrics.result()
        seconds = time.monotonic() - start
        first, self._step = self._step, self._step + steps
        self._refuse_divergence("training loss", loss, first)
        return seconds

    def _refuse_divergence(self, what: str, value: float, first: int) -> None:
        if not math.isfinite(value):
            raise DivergedError(
                f"the {what} became {value} between steps {first} and {self._step}; "
                f"lower --init_lr (now {self._config.optimizer.init_lr}) or raise "
                "--warmup_fraction and start again in another --run_dir"
            )

    def _row(self, started: float, images_per_second: float) -> Row:
        config = self._config
        loss, error = self._trainer.metrics.result()
        self._trainer.metrics.reset()
        rate = self._trainer.optimizer.rate_of(self._step - 1)
        validation = {}
        if len(self._validation_images):
            size = config.train.validation_batch_size
            result = self._validate(self._validation_images, size)
            self._refuse_divergence("validation loss", result.loss, self._step - 1)
            validation = {
                "validation_loss": result.loss,
                "validation_error": result.error,
            }
        return Row(
            step=self._step,
            epoch=self._step * config.train.train_batch_size / len(self._train_images),
            seconds=time.monotonic() - started,
            images_per_second=images_per_second,
            learning_rate=float(rate),
            train_loss=loss,
            train_error=error,
            **validation,
        )

    def _report(self, row: Row) -> None:
        """Keeps the row, the weights and the state, in this order: whatever a kill
        leaves undone, resuming from the newest state does again."""
        self._history.append(row)
        self._save(self._folder.path, row)
        self._state.save(row.step)
        self._save_best()

    def _save_best(self) -> None:
        """Saves the current weights as the best, if they are and are not there."""
        best = self._history.best()
        if best is None or best.step != self._step:
            return
        metrics = self._folder.best / METRICS
        if not metrics.exists() or read_json(metrics)["step"] != best.step:
            self._save(self._folder.best, best)

    def _save(self, target: Path, row: Row) -> None:
        metrics = {
            "step": row.step,
            "validation_error": row.validation_error,
            "n_validation": len(self._validation_images),
        }
        save_checkpoint(target, self._trainer.model, self._config, metrics)

    def _errors(self, checkpoint: Path, splits: list[Split]) -> dict[str, Any]:
        """Returns the errors of a saved checkpoint, as `eval.py` computes them,
        and adds them to its metrics."""
        config = self._config
        full_pass = checkpoint_pass(checkpoint, config.data, lanes=config.train.lanes)
        errors: dict[str, Any] = {}
        for split in splits:
            if len(split):
                result = full_pass(split, config.train.test_batch_size)
                errors[f"{split.name}_error"] = result.error
                errors[f"n_{split.name}"] = result.n
        metrics = checkpoint / METRICS
        write_json(metrics, {**read_json(metrics), **errors})
        return errors


def _on_slow_cpu() -> bool:
    """Tells whether bfloat16 is slow here: no GPU, and no instructions for it."""
    return not tf.config.list_physical_devices("GPU") and not has_bfloat16()
