"""Check that a run which is stopped, killed and resumed has the same result."""

import argparse
import random
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from resnet_tf.cli.command import STOPPED, require_json_output, write_json_output
from resnet_tf.cli.settings import add_settings, experiment, given_settings
from resnet_tf.config import ExperimentConfig
from resnet_tf.data.sources import ensure_available
from resnet_tf.errors import SettingError
from resnet_tf.reporting.provenance import provenance
from resnet_tf.startup import import_tensorflow
from resnet_tf.training.legs import End, Legs, resumed_from

# The name of the command; a module name cannot have a dash.
NAME = "verify-resume"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--steps", type=int, default=20, help="Number of updates, below train_steps."
    )
    parser.add_argument(
        "--interruptions",
        type=int,
        default=4,
        help="Number of interruptions at random updates, alternately a stop that saves "
        "and kill -9.",
    )
    parser.add_argument(
        "--devices",
        type=int,
        default=1,
        help="Number of logical CPUs, for --strategy=mirrored.",
    )
    parser.add_argument("--json_output", help="File for the figures.")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> None:
    """Trains twice and compares the results; exits with 1 if anything differs.

    Raises:
        CheckpointError: If a state is missing or damaged.
        DataError: If the data set is not available.
        OutputError: If the result cannot be written.
        SettingError: If a setting is wrong.
        SystemExit: If a training failed, with its exit code; with 1 if it was killed.
    """
    require_json_output(arguments.json_output)
    config = experiment(given_settings(arguments), arguments.recipe)
    ends = _ends(arguments, config)
    ensure_available(config.data)
    with tempfile.TemporaryDirectory() as folder:
        straight, broken = Path(folder, "straight"), Path(folder, "broken")
        whole = ends[-1:]
        _train(config, straight, whole, arguments.devices)
        interruptions = _train(config, broken, ends, arguments.devices)[:-1]
        import_tensorflow()
        from resnet_tf.runs.equal import compare

        result = compare(straight, broken)
    settings = {"settings": config.to_dict(), "devices": arguments.devices}
    record = {**result, "interruptions": interruptions, **settings, **provenance()}
    write_json_output(arguments.json_output, record)
    _print(result)
    sys.exit(0 if result["equal"] else 1)


def _ends(arguments: argparse.Namespace, config: ExperimentConfig) -> list[End]:
    """Returns the ends of the legs; the last leg ends at the final step."""
    steps, count = arguments.steps, arguments.interruptions
    for name, value, ok, rule in (
        ("steps", steps, 1 < steps < config.train.train_steps, "above 1 and below "
         f"train_steps={config.train.train_steps}"),
        ("interruptions", count, 0 < count < steps, f"above 0 and below steps={steps}"),
        ("devices", arguments.devices, arguments.devices > 0, "at least 1"),
    ):  # fmt: skip
        if not ok:
            raise SettingError(f"{name} must be {rule}, received {value}")
    chosen = random.Random(config.train.seed).sample(range(1, steps), count)
    ends = [
        End(step, "kill" if number % 2 else "stop")
        for number, step in enumerate(sorted(chosen))
    ]
    return [*ends, End(steps)]


def _train(
    config: ExperimentConfig, run_dir: Path, ends: list[End], devices: int
) -> list[dict[str, Any]]:
    """Trains in legs and returns the outcome of each leg, as JSON values."""
    legs, log, done = Legs(config, run_dir, devices), run_dir.with_suffix(".log"), []
    for end in ends:
        code = legs.run(end, log)
        if code != (STOPPED if end.how == "stop" else -signal.SIGKILL):
            # The leg has printed the reason.
            sys.exit(code if code > 0 else 1)
        done.append({"step": end.step, "how": end.how, "from": resumed_from(log)})
        print(f"{done[-1]['from']:>6} to {end.step:<6} {end.how}", flush=True)
    return done


def _print(result: dict[str, Any]) -> None:
    what = f"{result['variables']} variables after step {result['step']}"
    if differing := result["differing"]:
        print(f"{len(differing)} of {what} differ, e.g. {differing[0]}")
    else:
        print(f"all {what} are equal, bit for bit")
    if not result["reports_equal"]:
        print("the reports differ")
