"""Evaluates trained weights; `python eval.py --help` lists the flags."""

from collections.abc import Sequence

from resnet_tf.training.signals import end_quietly

if __name__ == "__main__":
    end_quietly()

import hyper_parameters
from resnet_tf.cli import eval as evaluation


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluates, prints and writes; if `argv` is None, uses the process's arguments."""
    hyper_parameters.run(evaluation, argv)


if __name__ == "__main__":
    main()
