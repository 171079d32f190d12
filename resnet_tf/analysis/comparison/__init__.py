"""Compares several networks: reads their runs, computes figures, writes a report."""
