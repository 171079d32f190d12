"""Measures the speed of a network against the peaks of the machine."""

TRAIN, INFERENCE = "train", "inference"
WORKS = (TRAIN, INFERENCE)
# The precisions in which a CPU multiplies.
PRECISIONS = ("float32", "bfloat16")
