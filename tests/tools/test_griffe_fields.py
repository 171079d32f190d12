"""The API reference shows the default and the help of a setting."""

import pytest

griffe = pytest.importorskip("griffe")
from griffe_fields import Fields  # noqa: E402

CODE = """
class DataConfig:
    dataset: str = field("cifar10", "Name of the data set.", choices=("a", "b"))
    seed: int = 0
    images: int = field(default=3)
"""


def test_the_help_is_the_docstring():
    extensions = griffe.load_extensions(Fields())
    with griffe.temporary_visited_module(CODE, extensions=extensions) as module:
        config = module["DataConfig"]
        assert str(config["dataset"].value) == "'cifar10'"
        assert config["dataset"].docstring.value == "Name of the data set."
        assert str(config["seed"].value) == "0" and config["seed"].docstring is None
        assert str(config["images"].value) == "field(default=3)"
