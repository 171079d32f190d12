"""The outer loop: calls, reports, checkpoints, and the end of the run."""

import functools
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from resnet_tf.checkpoints.initial import initialize
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.config.derived import in_epochs
from resnet_tf.data.pipeline import training_batches
from resnet_tf.data.sources import load_splits, require_classes
from resnet_tf.distribution.agreement import require_agreement
from resnet_tf.distribution.cluster import Cluster
from resnet_tf.distribution.sharded_pass import ShardedPass
from resnet_tf.distribution.strategy import make_strategy
from resnet_tf.distribution.workers import Workers
from resnet_tf.errors import StoppedError
from resnet_tf.evaluation.full_pass import FullPass, Result
from resnet_tf.reporting.curves import plot_curves
from resnet_tf.reporting.figure import picture_or_note
from resnet_tf.reporting.progress import Progress
from resnet_tf.reporting.tensorboard import TensorBoard
from resnet_tf.runs.data import RunData
from resnet_tf.runs.folder import RunFolder
from resnet_tf.runs.history import Row, read_history
from resnet_tf.runs.resume import lacks_best, open_history, position
from resnet_tf.runs.state import RunState
from resnet_tf.training.display import ChiefDisplay, Display, Pictures, announcement
from resnet_tf.training.divergence import diverged
from resnet_tf.training.kernels import TENSORFLOW, settle_kernels
from resnet_tf.training.pace import Pace
from resnet_tf.training.profile import StepProfile
from resnet_tf.training.signals import StopSignals
from resnet_tf.training.summary import summarize
from resnet_tf.training.trainer import Trainer
from resnet_tf.training.whitening import whiten_stem

OnReport = Callable[[Row, keras.Model], None]


def run(
    folder: RunFolder,
    cluster: Cluster | None = None,
    until: int | None = None,
    on_call: Callable[[int], None] | None = None,
    on_report: OnReport | None = None,
) -> dict[str, Any]:
    """Trains to the end of a run, alone or as one of its workers; see `train`.

    Args:
        folder: The folder of the run, with the experiment; the chief holds its lock.
        cluster: The workers, which have met; None if this process is alone.
        until: Step after which to stop, or None.
        on_call: Function of the step, called after each call of the compiled loop.
        on_report: Function of the row and the model, called by the chief after each
            report.

    Returns:
        The summary.
    """
    if folder.config.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    # Several workers need the strategy before any other call of TensorFlow.
    workers = Workers(make_strategy(folder.config.train, cluster), cluster)
    with workers.required():
        summary = Run(folder, workers, until, on_call, on_report).complete()
    return {**summary, "worker": workers.index} if cluster else summary


class Run:
    """A run from its last checkpoint to its end.

    Args:
        folder: The folder of the run, with the experiment; the chief holds its lock.
        workers: The workers of the run.
        until: Step after which to stop, or None.
        on_call: Function of the step, called after each call of the compiled loop.
        on_report: Function of the row and the model, called by the chief after each
            report.
    """

    def __init__(
        self,
        folder: RunFolder,
        workers: Workers,
        until: int | None = None,
        on_call: Callable[[int], None] | None = None,
        on_report: OnReport | None = None,
    ):
        self._config = config = settle_kernels(folder, workers)
        self._folder = folder
        self._workers = workers
        self._until = until
        self._on_call = on_call
        self._on_report = on_report
        profiled = config.train.profile_steps if workers.chief else None
        self._profile = StepProfile(profiled, folder.tensorboard)
        # The test images too: a damaged file shows now and not after hours.
        splits = load_splits(config.data)
        self._train_images, self._validation_images, self._test_images = splits
        require_classes(
            self._train_images, config.model.num_classes, folder.class_names()
        )
        self._trainer = Trainer(config, workers.strategy, workers.number)
        if teacher := self._trainer.teacher:
            teacher.require_classes(self._train_images.class_names)
        self._data = RunData(folder.data, splits, teacher and teacher.sha256)
        self._data.require_same()
        alone = workers.number == 1
        self._signals = StopSignals(lambda: self._trainer.ask_to_stop(), alone)
        full_pass = FullPass(
            self._trainer.reported,
            config.data,
            config.train.lanes,
            native_kernels=self._trainer.kernels != TENSORFLOW,
        )
        self._validate = ShardedPass(full_pass, workers)
        self._state = RunState(
            folder.states,
            keep=config.train.keep_checkpoints,
            model=self._trainer.model,
            optimizer=self._trainer.optimizer,
            metrics=self._trainer.metrics.totals,
        )
        with folder.writing():
            self._step = self._state.restore(tidy=workers.chief)
        require_agreement(workers, folder, self._step)
        if not self._step:
            whiten_stem(self._trainer.model, self._train_images.images, config.data)
            if config.train.init_from:
                print(initialize(self._trainer.model, config), flush=True)
        with folder.writing():
            self._resume()

    def complete(self) -> dict[str, Any]:
        """Does the remaining updates and returns the summary.

        Raises:
            DivergedError: If the loss or a weight is not finite.
            RunFolderError: If the folder cannot be written.
            StoppedError: After a signal, or after the step `until`.
        """
        with self._signals, self._profile:
            try:
                self._train()
                with self._signals.interruptible():
                    return self._finish()
            except KeyboardInterrupt:
                raise self._stopped() from None

    def _resume(self) -> None:
        """Takes up the run where its state stands; see `resnet_tf.runs.resume`."""
        metrics = self._trainer.metrics
        images = int(metrics.totals["images"].numpy())
        freq = self._config.train.report_freq
        found = position(self._step, self._state.notes, freq, images)
        metrics.restore(found.sums, self._workers)
        self._reported = found.reported
        self._training_seconds = found.training_seconds
        before = found.seconds or 0.0
        if self._workers.chief:
            folder = self._folder
            self._history = open_history(folder.history, folder.states, found)
            rows = self._history.rows
            if found.seconds is None and rows:
                before = rows[-1].seconds
            self._save_best()
        self._started = time.monotonic() - before

    def _train(self) -> None:
        """Does the remaining updates, with their reports."""
        train = self._config.train
        pace = Pace(train.report_freq, train.steps_per_call)
        batches = self._batches()
        display = self._display()
        with self._signals.interruptible():
            graph = self._trainer.prepare(batches)
        if not self._step:
            self._trainer.optimizer.start()
            with self._folder.writing():
                display.begin(graph)
        while True:
            if self._is_to_stop():
                raise self._stopped()
            self._profile.at(self._step)
            at_end = self._step == train.train_steps
            at_report = at_end or self._step % train.report_freq == 0
            if at_report and self._reported < self._step:
                self._report(display)
            if at_end:
                break
            self._call(batches, pace, display)
        display.close()

    def _display(self) -> Display:
        """Prints the first lines and returns the display of the run."""
        workers = self._workers
        if not workers.chief:
            print(f"worker {workers.index} of {workers.number}; worker 0 reports")
            return Display()
        with self._folder.writing():
            board = TensorBoard(self._folder.tensorboard)
        self._announce()
        pictures = Pictures(
            board, self._trainer.reported, self._config, self._train_images
        )
        steps = self._config.train.train_steps
        progress = Progress(steps, self._step, len(self._validation_images))
        return ChiefDisplay(board, pictures, progress)

    def _is_to_stop(self) -> bool:
        """Tells whether any worker must stop; all workers get the same answer."""
        until = self._until
        reached = until is not None and until <= self._step
        asked = self._signals.asked or (
            reached and self._step < self._config.train.train_steps
        )
        return bool(self._workers.gather([float(asked)]).any())

    def _stopped(self) -> StoppedError:
        """Saves the state and returns the error that ends the run."""
        total, step = self._config.train.train_steps, self._step
        if not step:
            return StoppedError(
                "stopped before the first update; the same command starts again", 0
            )
        parts = self._trainer.metrics.fix(self._workers)
        if self._workers.chief:
            with self._folder.writing():
                self._save_state(parts)
        return StoppedError(
            f"stopped after step {step} of {total}, which is saved in "
            f"{self._folder.path}; run the same command to resume",
            step,
        )

    def _announce(self) -> None:
        sizes = len(self._train_images), len(self._validation_images)
        first, *others = announcement(self._trainer.model, self._config, sizes)
        lines = [f"{first} | {self._folder.path}", *others]
        if self._trainer.teacher:
            lines += self._trainer.teacher.lines()
        if self._step:
            lines.append(f"resuming from step {self._step}")
        print("\n".join(lines), flush=True)

    def _batches(self):
        batches = functools.partial(
            training_batches,
            self._train_images,
            self._config.data,
            batch_size=self._config.train.train_batch_size,
            seed=self._config.train.seed,
            start_step=self._step,
            num_classes=self._config.model.num_classes,
        )
        return iter(self._workers.distribute(batches))

    def _call(self, batches, pace: Pace, display: Display) -> None:
        """Does the updates of one call; a signal ends the call early.

        Raises:
            DivergedError: If the training loss or a weight is not finite.
        """
        first, end = self._step, self._config.train.train_steps
        last = self._profile.next_border(first, min(end, self._until or end))
        steps = pace.next_call(first, last)
        # All workers do the number of updates that the chief has chosen.
        steps = int(self._workers.gather([steps])[0, 0])
        start = time.monotonic()
        done = int(self._trainer.run(batches, tf.constant(steps)))
        loss, _ = self._trainer.metrics.result()
        seconds = time.monotonic() - start
        self._step += done
        self._refuse_divergence("training loss", loss, first)
        if weight := self._trainer.not_finite():
            self._refuse_divergence(f"weight {weight}", math.nan, first)
        if done == steps:
            pace.measured(steps, seconds)
        self._training_seconds += seconds
        display.moved(self._step, self._images_per_second())
        if self._on_call:
            self._on_call(self._step)

    def _images_per_second(self) -> float:
        """Returns the images per second since the last report."""
        updates = self._step - self._reported
        images = updates * self._config.train.train_batch_size
        return images / max(self._training_seconds, 1e-9)

    def _refuse_divergence(self, what: str, value: float, first: int) -> None:
        if not math.isfinite(value):
            rate = float(self._trainer.optimizer.rate_of(max(self._step - 1, 0)))
            steps = first, self._step
            raise diverged(what, value, steps, rate, self._config, self._state.newest)

    def _report(self, display: Display) -> None:
        """Validates, then saves the row, the weights, the state and the best weights.

        After a kill between two of them, the run resumes from the newest state and
        does the rest again; see `resnet_tf.runs.resume`.
        """
        with self._signals.interruptible():
            validated = self._validated()
            row = self._row(validated)
        self._trainer.metrics.reset()
        self._reported, self._training_seconds = self._step, 0.0
        parts = self._trainer.metrics.fix(self._workers)
        if self._workers.chief:
            with self._folder.writing():
                self._history.append(row)
                self._save(self._folder.path, row)
                self._save_state(parts)
                self._save_best()
        at_end = self._step == self._config.train.train_steps
        with self._folder.writing():
            display.report(row, validated if at_end else None)
        if self._on_report and self._workers.chief:
            self._on_report(row, self._trainer.reported)

    def _validated(self) -> Result | None:
        """Returns the result on the validation images, or None without any.

        Raises:
            DivergedError: If the validation loss is not finite.
        """
        if not len(self._validation_images):
            return None
        size = self._config.train.validation_batch_size
        result = self._validate(self._validation_images, size)
        self._refuse_divergence("validation loss", result.loss, self._step - 1)
        return result

    def _row(self, validated: Result | None) -> Row:
        config = self._config
        loss, error = self._trainer.metrics.result()
        images, size = len(self._train_images), config.train.train_batch_size
        rate = self._trainer.optimizer.rate_of(self._step - 1)
        return Row(
            step=self._step,
            epoch=in_epochs(self._step, images, size, config.data.drop_last),
            seconds=time.monotonic() - self._started,
            images_per_second=self._images_per_second(),
            learning_rate=float(rate),
            train_loss=loss,
            train_error=error,
            validation_loss=validated.loss if validated else None,
            validation_error=validated.error if validated else None,
            weights_sha256=(
                self._trainer.sha256() if config.train.deterministic else None
            ),
        )

    def _save_state(self, parts: dict[str, list[float]]) -> None:
        self._data.keep()
        self._state.save(
            self._step,
            seconds=time.monotonic() - self._started,
            training_seconds=self._training_seconds,
            metrics=parts,
        )

    def _save_best(self) -> None:
        """Saves the current weights to `best/` if they are the best and not there."""
        if lacks_best(self._folder.best, self._history, self._step):
            self._save(self._folder.best, self._history.best())

    def _save(self, target: Path, row: Row) -> None:
        metrics = {
            "step": row.step,
            "validation_error": row.validation_error,
            "n_validation": len(self._validation_images),
            "class_names": self._train_images.class_names,
        }
        save_checkpoint(target, self._trainer.reported, self._config, metrics)

    def _finish(self) -> dict[str, Any]:
        """Evaluates the saved weights; the chief writes the summary."""
        folder, workers = self._folder, self._workers
        splits = [self._test_images, self._validation_images]
        # Wait until the chief has written all weights.
        workers.wait()
        with folder.writing():
            rows = read_history(folder.history)
            if workers.chief:
                print("evaluating the last and the best weights", flush=True)
                with picture_or_note(folder.curves.name):
                    plot_curves(folder.curves, rows, folder.path.name)
            digest = self._trainer.sha256()
            summary = summarize(folder, rows, splits, workers, digest)
            if workers.chief:
                folder.finish(summary)
        workers.wait()
        return summary
