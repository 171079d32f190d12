"""Reports on one checkpoint in depth: mistakes, confidence and robustness."""
