"""Weights on disk: finding, verifying, loading and saving them."""
