"""Trains a network on CIFAR, on your own images or on the embedded digits.

    python train.py --num_residual_blocks=18     # ResNet-110 on CIFAR-10
    python train.py --recipe=quickstart          # digits, offline, about a minute

The same command goes on where an earlier one stopped.
"""

from collections.abc import Sequence

from resnet_tf.training.signals import end_quietly

if __name__ == "__main__":
    end_quietly()

from absl import flags

import hyper_parameters
import resnet_tf
from resnet_tf.errors import SettingError
from resnet_tf.reporting.progress import closing

_STOPPED = "stopped; the same command goes on from its last checkpoint, if there is one"


def main(argv: Sequence[str] | None = None) -> None:
    """Trains and prints the result; `argv` is that of the process if None."""
    hyper_parameters.run(_train, _define, __doc__, argv, _STOPPED)


def _define(values: flags.FlagValues) -> None:
    hyper_parameters.define_recipe(values)
    hyper_parameters.define_settings(values)
    flags.DEFINE_string(
        "run_dir",
        None,
        "Folder of the run [runs/<model>-<dataset>-<8 hex digits of the settings>].",
        flag_values=values,
    )


def _train(values: flags.FlagValues) -> None:
    if values.run_dir == "":
        raise SettingError("run_dir must not be empty, received nothing")
    config = hyper_parameters.config_from_flags(values)
    run_dir = values.run_dir or f"runs/{config.run_name()}"
    summary = resnet_tf.train(config, run_dir)
    print("\n".join(closing(summary, run_dir, config.data.data_dir)), flush=True)


if __name__ == "__main__":
    main()
