"""What a worker shows of a run while it lasts."""

import tensorflow as tf

from resnet_tf.evaluation.full_pass import Result
from resnet_tf.reporting.progress import Progress
from resnet_tf.reporting.tensorboard import TensorBoard
from resnet_tf.runs.history import Row
from resnet_tf.training.watch import Watch


class Show:
    """Shows nothing, as all workers but the chief do."""

    def begin(self, graph: tf.Graph) -> None:
        """Before the first update of the run, whose graph this is."""

    def moved(self, step: int, images_per_second: float) -> None:
        """Between two reports."""

    def report(self, row: Row, result: Result | None) -> None:
        """After a report has been kept; the last one comes with its result."""

    def close(self) -> None:
        """After the last update."""


class ChiefShow(Show):
    """Shows the run in TensorBoard and in lines.

    Args:
        board: TensorBoard.
        watch: What is shown there beside the reports.
        progress: The lines.
    """

    def __init__(self, board: TensorBoard, watch: Watch, progress: Progress):
        self._board = board
        self._watch = watch
        self._progress = progress

    def begin(self, graph: tf.Graph) -> None:
        self._watch.begin(graph)

    def moved(self, step: int, images_per_second: float) -> None:
        self._progress.moved(step, images_per_second)

    def report(self, row: Row, result: Result | None) -> None:
        self._board.append(row)
        self._watch.report(row.step)
        if result:
            self._watch.end(result, row.step)
        self._progress.report(row)

    def close(self) -> None:
        self._board.close()
