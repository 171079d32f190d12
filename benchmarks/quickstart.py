"""Records the output and the duration of `python train.py --recipe=quickstart`.

python benchmarks/quickstart.py --json_output=docs/benchmarks/quickstart.json
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from absl import app, flags
from harness.arguments import require_no_arguments
from harness.record import make_room, write

ROOT = Path(__file__).resolve().parents[1]

JSON = flags.DEFINE_string("json_output", None, "File for the result.")


def main(argv) -> None:
    """Runs the quickstart in an empty folder and writes the record."""
    require_no_arguments(argv)
    make_room(JSON.value)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "train.py"), "--recipe=quickstart"]
        start = time.monotonic()
        answer = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True
        )
        seconds = time.monotonic() - start
        (summary,) = Path(folder).glob("runs/*/summary.json")
        record = {
            "command": "python train.py --recipe=quickstart",
            "seconds_whole_command": seconds,
            "lines": answer.stdout.splitlines(),
            "summary": json.loads(summary.read_text()),
        }
    print(answer.stdout, end="")
    write(record, JSON.value)


if __name__ == "__main__":
    app.run(main)
