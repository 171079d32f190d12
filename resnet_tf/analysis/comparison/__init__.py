"""Several networks side by side: their runs, their numbers, a report."""
