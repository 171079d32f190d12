"""Analyses of finished networks and runs; training and evaluation do not import it."""
