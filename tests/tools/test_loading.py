"""Every row of docs/loading.md has a test, and its line is parsed."""

import ast
import shlex
from pathlib import Path

import pytest

from resnet_tf.checkpoints.hints import conversion, import_command
from resnet_tf.cli import import_weights
from resnet_tf.cli.main import main
from resnet_tf.config import ExperimentConfig

ROOT = Path(__file__).parents[2]
# The test of each row, by the beginning of what the user has.
TESTS = {
    "akamaster's `.th`": "interop/test_kuangliu.py::"
    "test_a_number_of_classes_without_a_data_set",
    "chenyaofo's `.pt`": "interop/test_kuangliu.py::"
    "test_a_number_of_classes_without_a_data_set",
    "kuangliu's ResNet-18": "interop/test_kuangliu.py::test_equal_logits",
    "kuangliu's DenseNet-121": "interop/test_kuangliu.py::test_equal_logits",
    "gpleiss's, bearpaw's": "interop/test_densenet.py::test_equal_logits",
    "torchvision's `resnet18`": "interop/test_recognise.py::test_torchvision",
    "torchvision's file": "checkpoints/test_initial.py::test_from_torchvision",
    "one of the four": "interop/test_recognise.py::test_equal_logits",
    "a checkpoint of the TF1": "interop/test_tf1.py::test_the_import_command",
    "a `.weights.h5`": "checkpoints/test_initial.py::"
    "test_from_a_checkpoint_or_its_weights",
    "torchvision's names": "interop/test_kuangliu.py::test_equal_logits",
    "a training checkpoint": "checkpoints/test_state_dict.py::test_any_key",
    "a file with a model": "interop/test_import_weights.py::"
    "test_a_key_chooses_one_of_two_networks",
    "a network behind a normalizer": "interop/test_import_weights.py::"
    "test_a_normalizer_decides_the_preprocessing",
    "weights in a dict": "checkpoints/test_torch_values.py::"
    "test_a_subclass_of_dict_is_data",
    "safetensors": "interop/test_import_weights.py::test_a_safetensors_file",
    "a TorchScript": "checkpoints/test_torch_file.py::test_a_torchscript_program",
    "a whole pickled": "checkpoints/test_state_dict.py::"
    "test_a_whole_network_is_refused_with_the_conversion",
    "a file of another": "checkpoints/test_resolve.py::test_a_file_of_another_project",
}


def rows() -> list[tuple[str, str]]:
    """Returns the file of the user and the line that loads it."""
    lines = (ROOT / "docs/loading.md").read_text().splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    return [(have, line.strip("`")) for have, line in table[2:]]


def test_every_row_has_a_test():
    assert len(rows()) == len(TESTS)
    for (have, _), start in zip(rows(), TESTS, strict=True):
        assert have.startswith(start)


def commands(program: str) -> list[str]:
    return [line for _, line in rows() if line.startswith(program)]


def test_each_line_is_of_a_known_program():
    programs = ("python -m resnet_tf import ", "python train.py ", "python -c ")
    assert sum(len(commands(program)) for program in programs) == len(rows())


@pytest.mark.parametrize("line", commands("python -m resnet_tf"))
def test_the_command_is_parsed(line, monkeypatch):
    taken = []
    monkeypatch.setattr(import_weights, "run", taken.append)
    arguments = shlex.split(line)[3:]
    main(arguments)
    (parsed,) = taken
    assert parsed.source == arguments[1]
    assert f"--output={parsed.output}" == arguments[-1]


@pytest.mark.parametrize("line", commands("python train.py"))
def test_the_settings_are_known(line):
    given = dict(word.split("=") for word in shlex.split(line)[2:])
    recipe = given.pop("--recipe")
    config = ExperimentConfig.from_flat(
        {name.removeprefix("--"): value for name, value in given.items()}, recipe
    )
    assert config.train.init_from == given["--init_from"]


def test_messages_print_the_last_lines():
    printed = [
        conversion(Path("x.pt"), "torch.jit.load", ""),
        conversion(Path("x.pth"), "torch.load", "", "weights_only=False"),
        import_command("x.th"),
    ]
    assert [line for _, line in rows()][-3:] == printed
    for line in printed[:2]:
        ast.parse(shlex.split(line)[2])


@pytest.mark.parametrize("name", sorted(set(TESTS.values())))
def test_the_test_exists(name):
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / "tests" / path).read_text())
    assert function in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    }
