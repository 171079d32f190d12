"""Tests the layering of the imports, and that light modules stay light."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.wrong_inputs import settings

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "resnet_tf"

# A room can import from itself and from the rooms listed for it.
GROUND = {
    "errors",
    "config",
    "disk",
    "machine",
    "ownership",
    "shell",
    "startup",
    "streams",
}
BELOW = {
    "errors": set(),
    "disk": {"errors"},
    "ownership": {"config", "disk", "errors", "streams"},
    "streams": set(),
    "shell": set(),
    "machine": set(),
    "startup": {"errors"},
    "config": {"errors"},
    "native": {"machine"},
    "layers": GROUND | {"native"},
    "models": GROUND | {"layers"},
    "data": GROUND,
    "checkpoints": GROUND | {"layers", "models", "data"},
    "evaluation": GROUND | {"layers", "models", "data", "checkpoints"},
    "runs": GROUND | {"data", "checkpoints"},
    # The reports that are printed are rows of a run's history.
    "reporting": GROUND | {"runs"},
    # The workers agree on the folder of their run.
    "distribution": GROUND | {"data", "evaluation", "runs"},
}
BELOW["training"] = GROUND | set(BELOW) - {"training"}
BELOW["interop"] = GROUND | set(BELOW) - {"interop"}
BELOW["analysis"] = GROUND | set(BELOW) - {"analysis", "interop"}
BELOW["cli"] = GROUND | set(BELOW) - {"cli"}
BELOW["__main__"] = {"cli", "training"}

# The packages that each room can import from outside.
OUTSIDE = {
    "errors": set(),
    "disk": set(),
    "machine": set(),
    "ownership": set(),
    "streams": set(),
    "shell": set(),
    "startup": {"keras", "tensorflow"},
    "native": {"tensorflow"},
    "config": set(),
    "layers": {"keras", "tensorflow"},
    "models": {"keras", "tensorflow"},
    "data": {"PIL", "numpy", "sklearn", "tensorflow", "tensorflow_datasets"},
    "reporting": {"matplotlib", "numpy", "tensorboard", "tensorflow"},
    "checkpoints": {"h5py", "keras", "numpy", "tensorflow"},
    "evaluation": {"keras", "numpy", "tensorflow"},
    "runs": {"numpy", "tensorflow"},
    "distribution": {"numpy", "tensorflow"},
    "training": {"keras", "numpy", "tensorflow"},
    "interop": {"ai_edge_litert", "keras", "numpy", "onnx", "onnxruntime"}
    | {"tensorflow", "torch"},
    "analysis": {
        "PIL",
        "jinja2",
        "keras",
        "matplotlib",
        "numpy",
        "scipy",
        "tensorflow",
    },
    "cli": {"rich", "tensorflow"},
    "__main__": set(),
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_layering(path):
    own = room(path)
    for name in imported(path):
        top, *rest = name.split(".")
        if top == "resnet_tf":
            target = rest[0] if rest else None
            # The package itself is imported only for its path.
            allowed = target is None or target in BELOW.get(own, set()) | {own}
            assert allowed, f"{own} imports {name}"
        elif top not in sys.stdlib_module_names:
            assert top in OUTSIDE.get(own, set()), f"{own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_are_short(path):
    text = path.read_text()
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


@pytest.mark.parametrize(
    ("script", "lines"), [("train", 60), ("eval", 60), ("hyper_parameters", 120)]
)
def test_scripts_are_short(script, lines):
    assert (ROOT / f"{script}.py").read_text().count("\n") <= lines


# Commands that do not need TensorFlow, with their exit code and a part of their output.
LIGHT_COMMANDS = [
    ("train --help", 0, "--num_residual_blocks"),
    ("train --help", 0, "--data_dir"),
    ("eval --help", 0, "--ckpt"),
    ("eval --help", 0, "--data_dir"),
    ("preview --help", 0, "--recipe"),
    ("bench --help", 0, "--profile"),
    ("ledger --help", 0, "--records"),
    ("models", 0, "\nmodel_20"),
    ("train --nodownload --data_dir=no", 3, "--dataset=digits, which needs no data"),
    ("eval --ckpt=model_9", 4, "received 'model_9'"),
    *((case.command, case.code, case.text) for case in settings.CASES
      if not case.given and not case.environment),
]  # fmt: skip
# Code of a process that reports after each step whether TensorFlow is imported.
LIGHT = """
import contextlib, importlib, io, json, shlex, sys
modules, commands = json.load(sys.stdin)

def answer(command):
    program, *arguments = shlex.split(command)
    try:
        if program in ("train", "eval"):
            importlib.import_module(program).main(arguments)
        else:
            main([program, *arguments])
    except SystemExit as stop:
        return stop.code
    return 0

def report(*found):
    print(json.dumps([*found, "tensorflow" in sys.modules]))

for name in modules:
    importlib.import_module(name)
    report(name)
from resnet_tf.cli.main import main
for command in commands:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = answer(command)
    report(code, said.getvalue())
try:
    importlib.import_module("resnet_tf").load_pretrained("model_9")
except Exception as error:
    report(type(error).__name__)
"""


def test_light_modules_and_commands_import_no_tensorflow(tmp_path):
    """Tests modules, help texts, lists and wrong flags in one process."""
    modules = [
        "resnet_tf",
        "resnet_tf.config",
        "resnet_tf.data.sources",
        "resnet_tf.training.train",
        "resnet_tf.evaluation.evaluate",
        "resnet_tf.evaluation.pretrained",
        "resnet_tf.evaluation.predict",
        "resnet_tf.cli.main",
        "resnet_tf.cli.bench",
        "resnet_tf.cli.ledger",
        "hyper_parameters",
        "train",
        "eval",
    ]
    commands = [command for command, _, _ in LIGHT_COMMANDS]
    process = subprocess.run(
        [sys.executable, "-c", LIGHT],
        input=json.dumps([modules, commands]),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stderr) == (0, "")
    reports = [json.loads(line) for line in process.stdout.splitlines()]
    assert reports[: len(modules)] == [[name, False] for name in modules]
    assert reports.pop() == ["MissingCheckpointError", False]
    answers = reports[len(modules) :]
    for (command, code, text), answer in zip(LIGHT_COMMANDS, answers, strict=True):
        found, said, tensorflow = answer
        assert (found, tensorflow) == (code, False), (command, said)
        assert text in said, command
        assert code == 0 or said.startswith("error: ") and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_every_public_name_can_be_imported():
    import resnet_tf

    for name in resnet_tf.__all__:
        assert callable(getattr(resnet_tf, name))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = resnet_tf.nothing


def test_the_stub_has_every_public_name():
    import resnet_tf

    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in stub.body if isinstance(node, ast.ImportFrom)]
    homes = {alias.asname: node.module for node in imports for alias in node.names}
    assert homes == resnet_tf._HOMES
