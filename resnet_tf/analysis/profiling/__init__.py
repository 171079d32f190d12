"""How fast a network runs, beside what the machine could do."""

TRAIN, INFERENCE = "train", "inference"
WORKS = (TRAIN, INFERENCE)
# Those that a CPU multiplies in.
PRECISIONS = ("float32", "bfloat16")
