"""Every wrong input of the catalog gives a one-line error and changes no file."""

import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import eval as eval_script
import train as train_script
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.cli.main import main as command_main
from resnet_tf.config import ExperimentConfig, folder_info
from resnet_tf.data import cifar_files
from resnet_tf.models import build_model
from tests.data.test_cifar_files import TEST, TRAIN, write_folder
from tests.wrong_inputs import api, commands, data, settings, weights
from tests.wrong_inputs.case import Case

ROOT = Path(__file__).parents[1]
SCRIPTS = {"train": train_script.main, "eval": eval_script.main}
slow = pytest.mark.slow
MODULES = (settings, commands, data, weights)
CASES = [
    pytest.param(case, id=f"{module.__name__.rpartition('.')[2]}: {case.name}")
    for module in MODULES
    for case in module.CASES
]


def _checkpoint(folder: Path, info=None, **settings) -> Path:
    config = ExperimentConfig.from_flat(settings, "quickstart", info)
    save_checkpoint(folder, build_model(config.model), config, {"step": 1})
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """Returns a checkpoint of ResNet-8 for the digits."""
    return _checkpoint(tmp_path_factory.mktemp("c"), train_steps=4)


@pytest.fixture(scope="session")
def cifar_checkpoint(tmp_path_factory) -> Path:
    """Returns a checkpoint of ResNet-8 for CIFAR-10."""
    return _checkpoint(tmp_path_factory.mktemp("c"), dataset="cifar10")


@pytest.fixture(scope="session")
def folder_checkpoint(tmp_path_factory) -> Path:
    """Returns a checkpoint for three classes of a folder, without validation images."""
    settings = {"dataset": "folder", "data_dir": "pictures", "validation_size": 0}
    return _checkpoint(tmp_path_factory.mktemp("c"), folder_info(3, 27), **settings)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """Returns a folder with ten images of each of three classes."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("ant", "bee", "cat"):
        (folder / name).mkdir()
        for index in range(10):
            pixels = np.full((8, 8, 3), index, np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def official(tmp_path_factory) -> Path:
    """Returns both official versions of a CIFAR-10 with 20 and 6 images."""
    folder = tmp_path_factory.mktemp("official")
    for version in ("cifar-10-batches-py", "cifar-10-batches-bin"):
        write_folder(folder, version)
    return folder


@pytest.fixture(scope="session")
def keras_file(tmp_path_factory) -> Path:
    """Returns a folder with m.keras, a user's ResNet-20 with projections."""
    folder = tmp_path_factory.mktemp("keras")
    build_model("resnet20", shortcut="B").save(folder / "m.keras")
    return folder


@pytest.fixture(autouse=True)
def sigterm():
    """Restores the handler of SIGTERM, which the scripts replace."""
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """Returns an empty working folder, with its own home and cache folders."""
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    monkeypatch.setattr(cifar_files, "NUM_TRAIN", TRAIN)
    monkeypatch.setattr(cifar_files, "NUM_TEST", TEST)
    return tmp_path / "work"


def prepare(case: Case, work: Path, request) -> None:
    for name in case.given:
        shutil.copytree(request.getfixturevalue(name), work / name)
    for harm in case.harm:
        harm(work)


def call(command: str) -> None:
    program, *arguments = shlex.split(command) or [None]
    if program in SCRIPTS:
        SCRIPTS[program](arguments)
    else:
        command_main(shlex.split(command))


def contents(folder: Path) -> dict[str, bytes | None]:
    """Returns the content of a folder: bytes by path, None for a subfolder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("case", CASES)
def test_one_line_and_no_change(case, work, request, monkeypatch, capfd):
    prepare(case, work, request)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, value)
    before = contents(work.parent / "work"), contents(work.parent / "home")
    with pytest.raises(SystemExit) as caught:
        call(case.command)
    error = capfd.readouterr().err
    assert caught.value.code == case.code, error
    assert error.startswith("error: ") and error.count("\n") == 1, error
    assert case.text in error
    assert len(error) < 1000
    assert (contents(work.parent / "work"), contents(work.parent / "home")) == before


@pytest.mark.parametrize("case", [pytest.param(c, id=c.name) for c in api.CALLS])
def test_the_same_error_from_python(case, work, checkpoint):
    with pytest.raises(case.error) as caught:
        case.call(str(checkpoint))
    line = str(caught.value)
    assert case.text in line and "\n" not in line and len(line) < 1000
    assert contents(work) == {}


@pytest.mark.parametrize(
    ("code", "command"),
    [
        # The slow cases import TensorFlow in a process; tests/cli tests the same
        # exceptions and exit codes without a process.
        pytest.param(
            1, "-m resnet_tf audit keras_file/m.keras --against=resnet20", marks=slow
        ),
        (2, "train.py --train_steps=0"),
        (3, "train.py --nodownload --data_dir=nowhere"),
        (4, "eval.py --ckpt=model_9"),
        pytest.param(
            5,
            "train.py --recipe=quickstart --train_steps=8 --init_lr=1e20 --run_dir=r",
            marks=slow,
        ),
        (6, "train.py --recipe=quickstart --run_dir=keras_file/m.keras"),
    ],
)
def test_the_exit_code_of_a_process(code, command, work, keras_file):
    shutil.copytree(keras_file, work / "keras_file")
    first, *rest = command.split()
    script = [first] if first == "-m" else [str(ROOT / first)]
    answer = subprocess.run(
        [sys.executable, *script, *rest], capture_output=True, text=True, timeout=600
    )
    assert answer.returncode == code, answer.stderr
    lines = answer.stderr.splitlines()
    assert len(lines) == (code != 1)
    assert all(line.startswith("error: ") for line in lines)
    made = {"r"} if code == 5 else set()
    assert {path.name for path in work.iterdir()} == {"keras_file"} | made


def test_the_catalog_is_large_and_its_names_are_unique():
    assert len(CASES) >= 100
    assert len({case.id for case in CASES}) == len(CASES)
