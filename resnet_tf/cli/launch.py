"""Run a training in several processes on this host, as on several hosts."""

import argparse
import sys

from resnet_tf.config import positive
from resnet_tf.disk import user_path, writing
from resnet_tf.distribution.launcher import launch
from resnet_tf.errors import SettingError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("--workers", type=int, default=2, help="Number of processes.")
    parser.add_argument(
        "--log_dir", default="logs", help="Folder for worker-0.log, worker-1.log ..."
    )
    parser.add_argument(
        "script",
        nargs=argparse.REMAINDER,
        help="-- train.py and its flags, or -- -m, a module and its arguments.",
    )


def run(arguments: argparse.Namespace) -> None:
    """Runs the workers to their end and exits with their exit code.

    Raises:
        OutputError: If the logs cannot be written.
        SettingError: If no script is given.
        SystemExit: If a worker failed, with its exit code; with 7 if it was killed.
    """
    workers = positive("workers", arguments.workers)
    script = arguments.script[arguments.script[:1] == ["--"] :]
    if not script:
        raise SettingError("launch needs a script after --, received none")
    log_dir = user_path(arguments.log_dir)
    with writing(log_dir, "log_dir"):
        code = launch([sys.executable, *script], workers, log_dir)
    sys.exit(code)
