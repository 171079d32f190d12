"""The folder of a run: its state, its history, its data, and how a run resumes."""
