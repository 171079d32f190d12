"""Evaluation of trained weights: one full pass, and its uncertainty."""
