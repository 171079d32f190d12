"""Output of a run for people: progress lines, pictures, TensorBoard, provenance."""
