"""Runs the commands of docs/tutorial.md and records their output.

    python tools/tutorial.py      # writes docs/tutorial.json

The commands are the blocks marked `sh`. They run one after another in a new folder with
the scripts. A part that follows a block shows the output of the block.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from paths import DOCS, ROOT

from resnet_tf.checkpoints.files import write_json
from resnet_tf.reporting.provenance import provenance

PAGE, RECORD = DOCS / "tutorial.md", DOCS / "tutorial.json"
_SCRIPTS = ("train.py", "eval.py", "hyper_parameters.py")
_BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n<!-- begin: (\S+) -->)?", re.M | re.S)


def blocks(text: str) -> list[tuple[str, str]]:
    """Returns the commands of a page, each with the name of the part that follows.

    The name is empty if no part follows.
    """
    return _BLOCK.findall(text)


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page.

    Raises:
        ValueError: If the commands of the page differ from the recorded ones.
    """
    record, found = json.loads(RECORD.read_text()), blocks(PAGE.read_text())
    recorded = [one["command"] for one in record["blocks"]]
    if recorded != [command for command, _ in found]:
        raise ValueError("the commands have changed; run: python tools/tutorial.py")
    return {
        name: functools.partial(_printed, one["lines"])
        for (_, name), one in zip(found, record["blocks"], strict=True)
        if name
    }


def record(text: str) -> list[dict]:
    """Runs the commands of a page; returns each with its output, as lines.

    Raises:
        subprocess.CalledProcessError: If one fails.
    """
    done = []
    here = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": here, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        for name in _SCRIPTS:
            shutil.copy(ROOT / name, folder)
        for command, _ in blocks(text):
            print(command, end="", flush=True)
            answer = subprocess.run(
                ["bash", "-euc", command],
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            print(answer.stdout, flush=True)
            answer.check_returncode()
            done.append({"command": command, "lines": answer.stdout.splitlines()})
    return done


def _printed(lines: list[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


if __name__ == "__main__":
    done = record(PAGE.read_text())
    command = "python tools/tutorial.py"
    write_json(RECORD, {"command": command, "blocks": done, **provenance()})
