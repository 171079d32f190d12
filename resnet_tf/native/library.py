"""Loads the compiled kernels and switches them on and off.

The kernels compute only inside `computing(True)`. So a saved or exported graph
contains TensorFlow's own operations.
"""

import contextlib
import contextvars
import ctypes
import functools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import tensorflow as tf

from resnet_tf.machine import cores
from resnet_tf.native.sources import digest

# The instruction sets of x86-64, the best first.
INSTRUCTIONS = ("avx512", "avx2", "baseline")
_FOLDER = Path(__file__).parent
_COMPUTING = contextvars.ContextVar("native kernels compute", default=False)


@contextlib.contextmanager
def computing(native: bool) -> Iterator[None]:
    """Switches the native kernels on or off for layers called inside the block.

    Args:
        native: Whether layers use the native kernels where these are faster. It has
            no effect if the kernels are not available.
    """
    token = _COMPUTING.set(native)
    try:
        yield
    finally:
        _COMPUTING.reset(token)


def are_computing() -> bool:
    """Returns whether layers use the native kernels now."""
    return _COMPUTING.get() and available()


def available() -> bool:
    """Returns whether the native kernels can compute in this process."""
    return _loaded()[0] is not None


def reason() -> str | None:
    """Returns in one line why the native kernels are not available, or None."""
    return _loaded()[2]


def instructions() -> str | None:
    """Returns the instruction set in use: "avx512", "avx2" or "baseline".

    Returns None if the native kernels are not available.
    """
    library = _loaded()[1]
    return library.resnet_tf_instructions().decode() if library else None


def use_instructions(name: str) -> bool:
    """Selects the kernels for an instruction set, for tests and measurements.

    Args:
        name: "avx512", "avx2" or "baseline".

    Returns:
        Whether this CPU has these instructions. If not, nothing changes.
    """
    library = _loaded()[1]
    return bool(library and library.resnet_tf_use_instructions(name.encode()))


def supports(name: str) -> bool:
    """Returns whether this CPU has an instruction set; see `use_instructions`."""
    before = instructions()
    supported = use_instructions(name)
    if before is not None:
        use_instructions(before)
    return supported


def set_threads(count: int) -> None:
    """Sets the number of threads. Results do not depend on it, bit for bit.

    Args:
        count: Number of threads that compute at a time, at least 1. The default is
            the number of cores that this process can use.
    """
    if library := _loaded()[1]:
        library.resnet_tf_set_threads(count)


def operations() -> ModuleType:
    """Returns the module with the operations.

    Raises:
        RuntimeError: If the operations are not available.
    """
    module, _, why = _loaded()
    if module is None:
        raise RuntimeError(why)
    return module


def shaped(x: tf.Tensor, shape) -> tf.Tensor:
    """Returns x after setting its static shape, which the C API cannot set."""
    x.set_shape(shape)
    return x


def refuse_second_gradient(operation: str, name: str) -> None:
    """Registers an error as the gradient of an operation that is a gradient itself.

    Args:
        operation: The operation, e.g. "ResnetTfUnitGradient".
        name: Its name in the error message.
    """

    @tf.RegisterGradient(operation)
    def refuse(op: tf.Operation, *_):
        raise LookupError(
            f"the native {name} has a first gradient only: use kernels=tensorflow"
        )


@functools.cache
def _loaded() -> tuple[ModuleType | None, ctypes.CDLL | None, str | None]:
    """Returns the operations, the library, and the reason if they are missing."""
    paths = sorted(_FOLDER.glob("_kernels*.so"))
    if not paths:
        return None, None, "the kernels were not compiled when resnet_tf was installed"
    try:
        module = tf.load_op_library(str(paths[0]))
        library = ctypes.CDLL(str(paths[0]))
    except (tf.errors.OpError, OSError) as error:
        return None, None, f"{paths[0].name} cannot be loaded: {_first_line(error)}"
    if not hasattr(module, "resnet_tf_conv"):
        version = tf.version.VERSION
        return None, None, f"TensorFlow {version} does not have the C API they need"
    if not _is_current(library):
        why = "they were compiled from other sources; `pip install -e .` compiles them"
        return None, None, why
    library.resnet_tf_instructions.restype = ctypes.c_char_p
    library.resnet_tf_set_threads(cores())
    return module, library, None


def _is_current(library: ctypes.CDLL) -> bool:
    """Returns whether the library fits the sources; an installed package has none."""
    sources = _FOLDER / "src"
    if not sources.is_dir():
        return True
    compiled = getattr(library, "resnet_tf_sources", None)
    if compiled is None:  # compiled before it had this function
        return False
    compiled.restype = ctypes.c_char_p
    return compiled().decode() == digest(sources)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
