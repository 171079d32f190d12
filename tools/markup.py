"""Numbers and tables in Markdown."""

import statistics
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from resnet_tf.config import ModelConfig
from resnet_tf.evaluation.counts import wilson_interval


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a table, or "Not measured." if it has no rows."""
    lines = ["| " + " | ".join(map(_cell, cells)) + " |" for cells in (head, *rows)]
    if len(lines) == 1:
        return "Not measured."
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def facts(values: Mapping[str, str | None]) -> str:
    """Returns a table of names and values, without the values that are None."""
    rows = [(name, value) for name, value in values.items() if value is not None]
    return table(("", ""), rows)


def code(*lines: str) -> str:
    """Returns a block of code."""
    return "\n".join(("```", *lines, "```"))


def spread(samples: Sequence[float], unit: str = "") -> str:
    """Returns the median of the samples, with the lowest and the highest."""
    return span(statistics.median(samples), min(samples), max(samples), unit)


def span(median: float, low: float, high: float, unit: str = "") -> str:
    """Returns a median with its range, e.g. "1.31 (1.02 to 1.40)"."""
    return f"{median:.2f}{unit} ({low:.2f} to {high:.2f})"


def error(percent: float, n: int) -> str:
    """Returns an error on n images with its 95 % Wilson interval."""
    low, high = wilson_interval(round(percent * n / 100), n)
    return f"{percent:.2f} % ({low:.2f} to {high:.2f}, n = {n:,})"


def network(config: ModelConfig) -> str:
    """Returns the title of a network; a residual network also names its shortcut."""
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
