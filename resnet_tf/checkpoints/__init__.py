"""Weights on disk: find them, verify them, load them strictly, keep them."""
