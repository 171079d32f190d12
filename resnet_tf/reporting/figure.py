"""The common style of all pictures of this package."""

import contextlib
import functools
import sys
import warnings
from collections.abc import Iterator

# Okabe and Ito's colors, which differ for any color vision.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DPI = 120


def plain(name: str) -> str:
    """Returns a name that a font can draw.

    Unprintable characters, e.g. control characters and lone surrogates, become "?".
    """
    return "".join(each if each.isprintable() else "?" for each in name)


@contextlib.contextmanager
def picture_or_note(name: str) -> Iterator[None]:
    """Prints a note, instead of raising, if the `with` block cannot draw a picture.

    Args:
        name: Name of the picture in the note.

    Raises:
        OSError: If the picture cannot be written.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # numbers or names can raise any error in Matplotlib
        reason = " ".join(str(error).split())
        note = f"note: {name} was not drawn: {type(error).__name__}: {reason:.200}"
        print(note, file=sys.stderr, flush=True)


@functools.cache
def _plain_figure() -> type:
    """Returns a figure class that draws its texts literally.

    A "$" does not start a formula, and a character missing from the font is an empty
    box without a warning. Both are set during drawing, because Matplotlib creates some
    texts only then.
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
    """Returns an empty Matplotlib figure that needs no display.

    Its texts are drawn literally, without formulas.

    Args:
        width: Width in inches.
        height: Height in inches.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = _plain_figure()(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
