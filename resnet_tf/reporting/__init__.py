"""The files that a run writes for people: history, curves, TensorBoard, progress."""
