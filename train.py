"""Trains a network; `python train.py --help` lists the flags."""

from collections.abc import Sequence

from resnet_tf.training.signals import end_quietly

if __name__ == "__main__":
    end_quietly()

import hyper_parameters
from resnet_tf.cli import train


def main(argv: Sequence[str] | None = None) -> None:
    """Trains and prints the result; if `argv` is None, uses the process's arguments."""
    hyper_parameters.run(train, argv)


if __name__ == "__main__":
    main()
