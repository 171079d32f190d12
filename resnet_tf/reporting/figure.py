"""The style that all pictures of this package share."""

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterator

# Okabe and Ito's colors, which differ for any color vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DPI = 120


def plain(name: str) -> str:
    """Returns a name that a font can draw: control characters, halves of surrogate
    pairs and other characters that are not printable become "?"."""
    return "".join(each if each.isprintable() else "?" for each in name)


@contextlib.contextmanager
def picture_or_note(name: str) -> Iterator[None]:
    """For a picture of a run: the run goes on without it if it cannot be drawn.

    Args:
        name: What the note calls it.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # whatever Matplotlib makes of the numbers and names
        reason = " ".join(str(error).split())
        note = f"note: {name} was not drawn: {type(error).__name__}: {reason:.200}"
        print(note, file=sys.stderr, flush=True)


@functools.cache
def _plain_figure() -> type:
    """Returns a figure class whose texts are drawn as they are.

    A "$" starts no formula, and a character that the font lacks is an empty box
    without a warning. Matplotlib makes some texts only while it draws, so that both
    are set there.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    class PlainFigure(Figure):
        def draw(self, renderer):
            for text in self.findobj(Text):
                text.set_parse_math(False)
                text.set_text("\n".join(map(plain, text.get_text().split("\n"))))
            no_math = matplotlib.rc_context({"text.parse_math": False})
            with no_math, warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Glyph .* missing from")
                super().draw(renderer)

    return PlainFigure


def new_figure(width: float = 6.4, height: float = 4.8):
    """Returns an empty figure of Matplotlib that needs no screen; its texts are drawn
    as they are, without formulas.

    Args:
        width: In inches.
        height: In inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _plain_figure()(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
