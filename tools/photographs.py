"""Records the output of `predict` for three photographs from packages on PyPI.

    python tools/photographs.py --ckpt=model_20      # writes docs/photographs.json

The packages are downloaded into a temporary folder. The photographs are not kept.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from markup import table
from paths import DOCS

from resnet_tf.checkpoints.files import write_json
from resnet_tf.disk import sha256
from resnet_tf.reporting.provenance import provenance

RECORD = DOCS / "photographs.json"


class Photograph(NamedTuple):
    """A photograph in a wheel.

    Attributes:
        name: Its name here.
        shows: Its content.
        package: The package on PyPI.
        version: Its version.
        member: The file in the wheel.
    """

    name: str
    shows: str
    package: str
    version: str
    member: str


# Chosen by their content, before any network saw them.
PHOTOGRAPHS = (
    Photograph(
        "cat.png",
        "the face of a cat",
        "scikit-image",
        "0.26.0",
        "skimage/data/chelsea.png",
    ),
    Photograph(
        "car.jpg",
        "a car on a gravel road",
        "foolbox",
        "3.3.4",
        "foolbox/data/imagenet_06_609.jpg",
    ),
    Photograph(
        "eagle.jpg",
        "an eagle in flight, from the front",
        "foolbox",
        "3.3.4",
        "foolbox/data/imagenet_17_22.jpg",
    ),
)


def parts() -> dict[str, Callable[[], str]]:
    """Returns the parts of the page, by name."""
    return {"printed": printed, "photographs": sources}


def printed() -> str:
    """The command and what it prints."""
    record = json.loads(RECORD.read_text())
    return "\n".join(["```", f"$ {record['command']}", *record["lines"], "```"])


def sources() -> str:
    """The table of the photographs."""
    record = json.loads(RECORD.read_text())
    rows = (
        (
            f"`{one['name']}`",
            f"{one['shows']}, {one['width']} x {one['height']}",
            f"{one['package']} {one['version']}, `{one['member']}`",
        )
        for one in record["photographs"]
    )
    return table(("photograph", "shows", "package and file in it"), rows)


def record(ckpt: str) -> dict:
    """Returns the output of `predict` for the photographs, and facts about them.

    Raises:
        subprocess.CalledProcessError: If a package is missing, or `predict` fails.
    """
    from resnet_tf.checkpoints.files import CONFIG, read_config
    from resnet_tf.checkpoints.resolve import resolve

    config = read_config(resolve(ckpt) / CONFIG)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts = [{**one._asdict(), **_fetch(one, folder)} for one in PHOTOGRAPHS]
        names = [one.name for one in PHOTOGRAPHS]
        command = ["-m", "resnet_tf", "predict", *names, f"--ckpt={ckpt}"]
        answer = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
    return {
        "command": " ".join(["python", *command]),
        "lines": answer.stdout.splitlines(),
        "dataset": config.data.dataset,
        "side": config.data.stored_side,
        "classes": config.model.num_classes,
        "photographs": facts,
        **provenance(),
    }


def _fetch(photograph: Photograph, folder: Path) -> dict:
    """Writes a photograph into a folder; returns its size and SHA-256."""
    from PIL import Image

    wheels = folder / "wheels"
    wanted = f"{photograph.package}=={photograph.version}"
    pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps"]
    options = ["--only-binary=:all:", "--dest", str(wheels)]
    subprocess.run([*pip, *options, wanted], check=True)
    (wheel,) = wheels.glob(f"{photograph.package.replace('-', '_')}-*.whl")
    path = folder / photograph.name
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read(photograph.member))
    with Image.open(path) as image:
        width, height = image.size
    return {"width": width, "height": height, "sha256": sha256(path)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ckpt", default="model_20", help="a released model")
    write_json(RECORD, record(parser.parse_args().ckpt))
