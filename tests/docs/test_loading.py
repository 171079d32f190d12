"""Every row of docs/loading.md has a test."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The test of each row, by the beginning of what the user has.
TESTS = {
    "akamaster's `.th`": "interop/test_kuangliu.py::test_classes_of_no_data_set",
    "chenyaofo's `.pt`": "interop/test_kuangliu.py::test_classes_of_no_data_set",
    "kuangliu's ResNet-18": "interop/test_kuangliu.py::test_equal_logits",
    "kuangliu's DenseNet-121": "interop/test_kuangliu.py::test_equal_logits",
    "torchvision's names": "interop/test_kuangliu.py::test_equal_logits",
    "a training checkpoint": "checkpoints/test_state_dict.py::test_any_key",
    "a file with a model": "interop/test_import_weights.py::test_one_of_two_networks",
    "safetensors": "interop/test_import_weights.py::test_a_safetensors_file",
    "a TorchScript": "checkpoints/test_torch_file.py::test_a_torchscript_program",
    "a whole pickled": "checkpoints/test_state_dict.py::"
    "test_a_whole_network_is_refused_with_the_line_that_turns_it",
    "a file of another": "checkpoints/test_resolve.py::test_a_file_of_another_project",
}


def rows() -> list[str]:
    lines = (ROOT / "docs/loading.md").read_text().splitlines()
    table = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    return table[2:]


def test_every_row_has_a_test():
    assert len(rows()) == len(TESTS)
    for row, start in zip(rows(), TESTS, strict=True):
        assert row.startswith(start)


@pytest.mark.parametrize("name", sorted(set(TESTS.values())))
def test_the_test_exists(name):
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / "tests" / path).read_text())
    assert function in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef)
    }
