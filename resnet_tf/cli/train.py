"""Train a network on CIFAR, on your own images or on the built-in digits."""

import argparse

import resnet_tf
from resnet_tf.cli.settings import add_settings, experiment, given_settings
from resnet_tf.errors import SettingError, StoppedError
from resnet_tf.reporting.progress import closing

EXAMPLES = """\
python train.py --num_residual_blocks=18     # ResNet-110 on CIFAR-10
python train.py --recipe=quickstart          # digits, offline, about a minute

The same command resumes a stopped run."""
_STOPPED = "stopped; the same command resumes from the last checkpoint, if there is one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--run_dir",
        help="Folder of the run "
        "[runs/<model>-<dataset>-<8 hex digits of the settings>].",
    )
    add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Trains or resumes a run, and prints its errors.

    Raises:
        CheckpointError: If the folder is of another experiment or of a run on other
            images, or its checkpoints or the weights of `--init_from` are damaged.
        DataError: If the data set is not available or damaged.
        DivergedError: If the loss or a weight is not finite.
        PeerError: If another worker does not start in time, or is lost.
        RunFolderError: If the folder is in use, full, not writable or not a run folder.
        SettingError: If a setting is wrong.
        StoppedError: If a signal stopped the run; the updates done are saved.
    """
    if arguments.run_dir == "":
        raise SettingError("run_dir must not be empty")
    settings = given_settings(arguments)
    config = experiment(settings, arguments.recipe, arguments.run_dir)
    run_dir = arguments.run_dir or f"runs/{config.run_name()}"
    try:
        summary = resnet_tf.train(config, run_dir)
    except KeyboardInterrupt:
        raise StoppedError(_STOPPED, 0) from None
    print("\n".join(closing(summary, run_dir, config.data.data_dir)), flush=True)
