"""Evaluates trained weights: predictions, errors and their uncertainty."""
