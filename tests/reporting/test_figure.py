import matplotlib
import numpy as np
import pytest

from resnet_tf.reporting.confusion import confusion_picture
from resnet_tf.reporting.curves import plot_curves
from resnet_tf.reporting.figure import new_figure, picture_or_note, plain
from resnet_tf.runs.history import Row

NAMES = [
    "run_$x^$", "$5_$10$", r"$\undefined{$", "貓", "日本\t語", "a\x00b", "\x1b[31m",
    "umlaut\udcfc", "line\nline", "\u202eabc", "😀", "", "%d %s", "{x}", "\\$",
]  # fmt: skip
ROWS = [Row(step, 1.0, 1.0, 1.0, 0.1, 1.0, 50.0, 1.0, 50.0) for step in (1, 2)]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_drawn_as_a_title(name, tmp_path):
    plot_curves(tmp_path / "curves.png", ROWS, name)
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_any_name_can_be_drawn_as_a_class():
    classes = NAMES[:12]
    picture = confusion_picture(np.eye(len(classes)), classes, "$title$ $")
    assert picture.shape[0] == 1 and picture.std() > 10


def _pixels(title, **settings):
    with matplotlib.rc_context(settings):
        figure = new_figure(4, 1)
        figure.suptitle(title)
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba()).copy()


def test_a_dollar_sign_does_not_start_a_formula():
    """Tests the default settings, with which formulas are enabled."""
    drawn = _pixels("$a$ and $b$")
    np.testing.assert_array_equal(
        drawn, _pixels("$a$ and $b$", **{"text.parse_math": False})
    )
    assert (drawn != _pixels("a and b")).any()


def test_characters_that_no_font_can_draw():
    assert plain("a\x00b\x1b\udcfc\nc") == "a?b???c"
    assert plain("Katze 貓 $") == "Katze 貓 $"


def test_a_failed_picture_prints_a_note(capsys):
    with picture_or_note("curves.png"):
        raise ValueError("too\nlarge")
    note = "note: curves.png was not drawn: ValueError: too large\n"
    assert capsys.readouterr().err == note
    with pytest.raises(OSError), picture_or_note("curves.png"):
        raise OSError(28, "No space left on device")
