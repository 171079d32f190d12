"""Damages every kind of file that the package reads, and counts the answers.

    python -m tests.reliability.mutations --json_output=FILE
    python -m tests.reliability.mutations --records --json_output=FILE

The files are a released model, the newest state of a run, and one of every other
format. Each is cut off at random lengths, or random bytes change, one damage at a time.
With --records the files are the summary, history, metrics and config of a finished run,
and the record of an export. Random values also replace theirs.

Exits with 1 after a wrong answer: other weights than the saved ones, an error that the
command line would show as a traceback, a long wait, or much memory.
"""

import itertools
import sys
import tempfile
from pathlib import Path

from absl import app, flags

from benchmarks.harness.arguments import require_no_arguments
from benchmarks.harness.paths import command
from benchmarks.harness.record import make_room, write
from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.reporting.provenance import provenance
from resnet_tf.startup import import_tensorflow

flags.DEFINE_string("json_output", None, "File for the result.")
flags.DEFINE_string("ckpt", "model_20", "Released model or checkpoint folder.")
flags.DEFINE_integer("seed", 0, "Of the damages.")
flags.DEFINE_bool("records", False, "Damage records of runs and of exports.")
flags.DEFINE_integer("edits", 2000, "Values of each record.", lower_bound=0)
flags.DEFINE_integer("truncations", 200, "Lengths of each file.", lower_bound=0)
flags.DEFINE_integer("flips", 2000, "Bytes of each file.", lower_bound=0)


def main(argv) -> int:
    """Damages, prints and writes; returns the exit code."""
    require_no_arguments(argv)
    values = flags.FLAGS
    make_room(values.json_output)
    import_tensorflow()
    from tests.reliability.mutants import checkpoints, foreign, records
    from tests.reliability.mutants.tally import mutate

    record = {
        "command": command("-m tests.reliability.mutations", sys.argv[1:]),
        "seed": values.seed,
        **provenance(),
        "files": [],
    }
    edits = values.edits if values.records else 0
    damages = values.truncations, values.flips, values.seed, edits
    with tempfile.TemporaryDirectory() as work:
        if values.records:
            chosen = records.readers(Path(work))
        else:
            own = checkpoints.readers(resolve(values.ckpt), Path(work))
            chosen = itertools.chain(own, foreign.readers(Path(work)))
        for reader in chosen:
            for path in reader.files:
                found = mutate(reader, path, *damages)
                record["files"].append(found)
                print(_line(found), flush=True)
                write(record, values.json_output)
    return int(any(found["findings"] for found in record["files"]))


def _line(found: dict) -> str:
    answers = ", ".join(f"{words}: {n}" for words, n in found["answers"].items())
    findings = "; ".join(found["findings"]) or "nothing"
    return f"{found['reader']}, {found['file']}: {answers}; found {findings:.400}"


if __name__ == "__main__":
    app.run(main)
