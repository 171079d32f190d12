"""Tests the distributed package: the wheel works outside the clone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_tf import build_model
from resnet_tf.checkpoints.resolve import pretrained_names

ROOT = Path(__file__).parents[1]

USE_THE_WHEEL = """
import json, sys
import keras, resnet_tf  # in this order, `keras` can load our layers
loaded = keras.models.load_model(sys.argv[1])
from resnet_tf.checkpoints.resolve import pretrained_names, resolve
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.config import DataConfig
from resnet_tf.data.sources import load_split
models = {n: load_checkpoint(resolve(n)).model.name for n in pretrained_names()}
images = len(load_split(DataConfig(dataset="digits"), "test"))
print(json.dumps([resnet_tf.__file__, images, models, type(loaded).__name__]))
"""

# The network of each released model.
RELEASED = {
    "model_20": "resnet20",
    "model_56": "resnet56",
    "model_110": "resnet110",
    "model_densenet40": "densenet40_k12",
}


def run(*command, cwd, **options):
    answer = subprocess.run(command, cwd=cwd, capture_output=True, text=True, **options)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Returns a folder that contains only the installed wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    # The wheel is built from a copy, because a build leaves files behind.
    files = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    for name in filter(None, files):
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", "dist"]
    # Without a compiler: to compile the kernels takes most of a minute of a core, and
    # `.ci/run` tests a wheel that has them.
    bare = {**os.environ, "CC": "false", "CXX": "false"}
    run(*pip, "wheel", *options, "./source", cwd=folder, env=bare)
    (wheel,) = (folder / "dist").glob("*.whl")
    run(*pip, "install", "--no-deps", "--target", "site", wheel, cwd=folder)
    return folder / "site"


@pytest.mark.slow  # A wheel is built; `.ci/run` runs it.
def test_a_wheel_works_outside_the_clone(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    build_model("resnet20").save(tmp_path / "model.keras")
    command = [sys.executable, "-c", USE_THE_WHEEL, "model.keras"]
    answer = run(*command, cwd=tmp_path, env=environment)
    home, images, models, loaded = json.loads(answer.splitlines()[-1])
    assert Path(home).is_relative_to(installed)
    assert (images, loaded) == (360, "Network")
    assert models == RELEASED
    assert list(models) == pretrained_names()


@pytest.mark.slow  # The same wheel.
def test_the_wheel_contains_only_the_package(installed):
    names = {path.name for path in installed.iterdir()}
    (info,) = (name for name in names if name.endswith(".dist-info"))
    assert names == {"resnet_tf", "bin", info}
    # The console script.
    assert [path.name for path in (installed / "bin").iterdir()] == ["resnet_tf"]


def test_readme_states_the_two_commands():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert "pip install -e . && python train.py --recipe=quickstart" in lines
    assert "pip install -e '.[dev]' && pytest" in lines
