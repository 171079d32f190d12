"""Import of other projects' weights, and export of checkpoints to other formats."""
