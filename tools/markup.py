"""Markdown of numbers."""

import statistics
import textwrap
from collections.abc import Iterable, Sequence

from resnet_tf.config import ModelConfig
from resnet_tf.evaluation.counts import wilson_interval


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table, or a line that says so if it has no rows."""
    lines = ["| " + " | ".join(map(_cell, cells)) + " |" for cells in (head, *rows)]
    if len(lines) == 1:
        return "Not measured."
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def spread(samples: Sequence[float], unit: str = "") -> str:
    """Returns the median of the samples with the lowest and the highest."""
    return span(statistics.median(samples), min(samples), max(samples), unit)


def span(median: float, low: float, high: float, unit: str = "") -> str:
    """Returns such as "1.31 (1.02 to 1.40)"."""
    return f"{median:.2f}{unit} ({low:.2f} to {high:.2f})"


def error(percent: float, n: int) -> str:
    """Returns an error on n images with its 95 % interval (Wilson)."""
    low, high = wilson_interval(round(percent * n / 100), n)
    return f"{percent:.2f} % ({low:.2f} to {high:.2f}, n = {n:,})"


def network(config: ModelConfig) -> str:
    """Returns the title of a network, with the shortcut of a residual one."""
    shortcut = f" ({config.shortcut})" if config.model == "resnet" else ""
    return config.title + shortcut


def paragraph(*sentences: str) -> str:
    """Returns sentences in lines of at most 88 characters."""
    return textwrap.fill(" ".join(sentences), 88, break_long_words=False)


def points(sentences: Iterable[str]) -> str:
    """Returns a list with a point for each sentence."""
    return "\n".join(
        textwrap.fill(f"* {sentence}", 88, subsequent_indent="  ")
        for sentence in sentences
    )


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
