"""The error of a diverged run."""

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
    """Returns an error that names the likely cause and the way out.

    Args:
        what: Name of the quantity that is not finite.
        value: Its value: an infinity or NaN.
        steps: Number of updates done at the last check where it was finite, and at the
            check that failed.
        rate: Learning rate of the last update.
        config: The experiment.
        checkpoint: The last saved state, or None.
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
