"""Training: the training step, the loop around it, and what a run displays."""
