"""The last lines of a training."""

from typing import Any

from resnet_tf.shell import word


def closing(summary: dict[str, Any], run_dir: str, data_dir: str | None) -> list[str]:
    """Returns the errors and what to do next; the last line of each of several
    workers has the SHA-256 of its weights.

    Args:
        summary: What `train` has returned.
        run_dir: The folder of the run.
        data_dir: Where the images lie, if it was said.
    """
    worker = summary.get("worker")
    lines = [] if worker else [_errors(summary), _next(run_dir, data_dir)]
    if worker is not None:
        digest = summary["weights_sha256"]
        workers = summary["num_workers"]
        lines.append(f"worker {worker} of {workers}: SHA-256 of the weights {digest}")
    return lines


def _errors(summary: dict[str, Any]) -> str:
    parts = [
        f"{split} error {summary[f'{split}_error']:.2f} % (n = {summary[f'n_{split}']})"
        for split in ("validation", "test")
        if f"{split}_error" in summary
    ]
    return f"{', '.join(parts)}, {summary['seconds']:.0f} s of training"


def _next(run_dir: str, data_dir: str | None) -> str:
    where = f" --data_dir={word(data_dir)}" if data_dir else ""
    command = f"python eval.py --ckpt {word(run_dir)}{where}"
    return f"everything is in {run_dir}; try: {command}"
