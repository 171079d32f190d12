"""Compare networks, or your own .keras file, with the published figures."""

import argparse
import json
import sys

from resnet_tf.config import NETWORKS, unknown
from resnet_tf.errors import SettingError
from resnet_tf.startup import import_tensorflow
from resnet_tf.streams import reader_is_gone

_HEADINGS = ("network", "parameters", "conv", "BN", "FC", "buffers", "MACs",
             "field", "depth", "published", "verdict")  # fmt: skip
_WIDTHS = (22, 11, 11, 8, 7, 8, 9, 6, 6, 11, 8)
_SUFFIX = ".keras"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="Registered networks [all], or a .keras file with --against.",
    )
    parser.add_argument(
        "--against", metavar="NAME", help="The network that a .keras file should be."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON.")


def run(arguments: argparse.Namespace) -> None:
    """Prints one line per network; exits with 1 if a network differs.

    The reason for a difference and the note of a network follow below its line. A note
    that several networks share is printed once.

    Raises:
        CheckpointError: If a file cannot be read safely.
        SettingError: If a name is unknown, or a file has no reference.
    """
    names = arguments.names or list(NETWORKS)
    _check(names, arguments.against)
    import_tensorflow()
    from resnet_tf.analysis.audit import audit_file, audit_network
    from resnet_tf.reporting.provenance import provenance

    rows, notes = [], set()
    for name in names:
        if reader_is_gone():
            break
        if name.endswith(_SUFFIX):
            row = audit_file(name, arguments.against)
        else:
            row = audit_network(name)
        rows.append(row.to_dict())
        if not arguments.json:
            if len(rows) == 1:
                _print_line(_HEADINGS)
            note = rows[-1]["reference"]["note"]
            _print_row(rows[-1], note if note not in notes else "")
            notes.add(note)
    if arguments.json:
        print(json.dumps({"networks": rows, **provenance()}, indent=2))
    if any(row["verdict"] == "differs" for row in rows):
        sys.exit(1)


def _check(names: list[str], against: str | None) -> None:
    files = [name for name in names if name.endswith(_SUFFIX)]
    if bool(files) != (against is not None):
        raise SettingError(
            "a .keras file and --against go together, received "
            + (f"{files[0]} alone" if files else f"--against={against} alone")
        )
    known = [name for name in names if name not in files]
    for name in [*known, *([against] if against else [])]:
        if name not in NETWORKS:
            raise SettingError(unknown("network", name, NETWORKS))


def _print_row(row: dict, note: str) -> None:
    facts, reference = row["facts"], row["reference"]
    figure, classes = reference["figure"], reference["figure_classes"]
    _print_line(
        (
            row["name"],
            *(f"{facts[key]:,}" for key in ("parameters", "conv", "batch_norm")),
            *(f"{facts[key]:,}" for key in ("dense", "buffers")),
            f"{facts['macs'] / 1e6:,.2f}M",
            str(facts["receptive_field"]),
            str(facts["depth"]),
            figure or "-",
            row["verdict"],
        )
    )
    if figure and classes != 10:
        print(f"    {figure} is for {classes} classes")
    for text in filter(None, (row["reason"], note)):
        print(f"    {text}")


def _print_line(cells: tuple[str, ...]) -> None:
    first, *others = zip(cells, _WIDTHS, strict=True)
    aligned = [f"{first[0]:{first[1]}}", *(f"{cell:>{w}}" for cell, w in others)]
    print("  ".join(aligned), flush=True)
