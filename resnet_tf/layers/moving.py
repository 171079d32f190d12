"""Controls when calls of batch norm update its moving averages."""

import contextlib
import threading
from collections.abc import Iterator

import keras
import tensorflow as tf

_state = threading.local()

# Maps the id of a variable to the variable and its new values.
Moves = dict[int, tuple[keras.Variable, list[tf.Tensor]]]


def move(variable: keras.Variable, value: tf.Tensor) -> None:
    """Assigns a new moving average, at once or at the end of `moved_once`."""
    waiting = getattr(_state, "waiting", None)
    if waiting is None:
        variable.assign(value)
    else:
        waiting.setdefault(id(variable), (variable, []))[1].append(value)


@contextlib.contextmanager
def moved_once() -> Iterator[None]:
    """Assigns each moving average once at the end: the mean of its new values.

    All calls inside the `with` block start from the old average. So each call has the
    weight (1 - momentum) / calls, and all calls together have 1 - momentum.
    """
    waiting: Moves = {}
    with _waiting(waiting):
        yield
    for variable, value in means(waiting):
        move(variable, value)


@contextlib.contextmanager
def moves_kept() -> Iterator[Moves]:
    """Collects the new moving averages without assigning them; see `means`."""
    waiting: Moves = {}
    with _waiting(waiting):
        yield waiting


def means(moves: Moves) -> list[tuple[keras.Variable, tf.Tensor]]:
    """Returns each moving average and the mean of its new values."""
    return [
        (variable, tf.add_n(values) / len(values))
        for variable, values in moves.values()
    ]


@contextlib.contextmanager
def moved_at_once() -> Iterator[None]:
    """Suspends `moved_once`, for assignments that a Keras scope intercepts."""
    with _waiting(None):
        yield


@contextlib.contextmanager
def _waiting(waiting: Moves | None) -> Iterator[None]:
    before = getattr(_state, "waiting", None)
    _state.waiting = waiting
    try:
        yield
    finally:
        _state.waiting = before
