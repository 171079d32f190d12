"""What a run writes for people: history, curves, TensorBoard, progress."""
