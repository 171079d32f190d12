"""Builds the API reference from the docstrings, as HTML; needs pdoc (extra [dev]).

    python tools/api.py api      # writes the folder api

A warning, such as that of a type that cannot be resolved, is an error.
"""

import argparse
import os
import pkgutil
import warnings
from pathlib import Path

import resnet_tf
from resnet_tf.startup import import_tensorflow

# Programs, not modules to import from; data.
_LEFT_OUT = {"__main__", "cli", "pretrained"}


def rooms() -> list[str]:
    """Returns the modules to document: the package, and what lies in it."""
    found = (module.name for module in pkgutil.iter_modules(resnet_tf.__path__))
    return ["resnet_tf", *(f"resnet_tf.{n}" for n in found if n not in _LEFT_OUT)]


def build(folder: Path) -> None:
    """Writes the reference.

    Args:
        folder: Where; it is made if it is missing.

    Raises:
        Warning: If pdoc, or an import, warns.
    """
    import_tensorflow()
    import pdoc
    from pdoc import render

    # Else it warns of each default that equals a variable of the environment.
    os.environ["PDOC_DISPLAY_ENV_VARS"] = "1"
    # pdoc takes names from the module, which would import them when they are used.
    for name in resnet_tf.__all__:
        setattr(resnet_tf, name, getattr(resnet_tf, name))
    render.configure(docformat="google", show_source=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pdoc.pdoc(*rooms(), output_directory=folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of the pages")
    build(parser.parse_args().folder)
