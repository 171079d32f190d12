"""Counts the numbers in a model's variables."""

import numpy as np


def count(weights) -> int:
    """Returns how many numbers a list of variables has."""
    return sum(int(np.prod(weight.shape)) for weight in weights)
