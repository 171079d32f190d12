"""Weights of other projects: read, recognised, and written as checkpoint folders."""
