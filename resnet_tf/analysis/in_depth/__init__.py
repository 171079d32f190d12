"""The report on one checkpoint: its mistakes, its confidence and its robustness."""
