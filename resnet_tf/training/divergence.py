"""What is said of a run whose numbers are no numbers any more."""

from pathlib import Path

from resnet_tf.config import ExperimentConfig
from resnet_tf.errors import DivergedError


def diverged(
    what: str,
    value: float,
    steps: tuple[int, int],
    rate: float,
    config: ExperimentConfig,
    checkpoint: Path | None,
) -> DivergedError:
    """Returns the error with the likely cause and the way back.

    Args:
        what: What is not finite.
        value: What it is instead.
        steps: Updates done when it was finite, and when it no longer was.
        rate: The rate of the last of them.
        config: The experiment.
        checkpoint: The last state that was saved, or None.
    """
    first, last = steps
    precision = config.train.mixed_precision
    saved = (
        f"the last good checkpoint is {checkpoint}" if checkpoint else "none was saved"
    )
    return DivergedError(
        f"the {what} became {value} between steps {first} and {last}, most likely by "
        f"the rate, {rate:.4g}{_or_by(precision)}; {saved}; "
        f"lower --init_lr (now {config.optimizer.init_lr}) or raise "
        f"--warmup_fraction{_or_take(precision)} and start again in another --run_dir"
    )


def _or_by(precision: str) -> str:
    return "" if precision == "float32" else f", or by {precision}"


def _or_take(precision: str) -> str:
    if precision == "float32":
        return ""
    return ", or take --mixed_precision=float32"
