import csv
import dataclasses

import pytest

from resnet_tf.runs.history import COLUMNS, History, Row, read_history


def row(step, error=None):
    return Row(
        step=step,
        epoch=step / 10,
        seconds=0.1 * step,
        images_per_second=1000.0,
        learning_rate=0.1,
        train_loss=1 / step,
        train_error=50.0,
        validation_loss=None if error is None else 1.5,
        validation_error=error,
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "history.csv"
    history = History(path, 0)
    for step, error in ((10, 30.0), (20, 20.0), (30, 20.0)):
        history.append(row(step, error))
    return path


def test_round_trip(path):
    assert read_history(path) == [row(10, 30.0), row(20, 20.0), row(30, 20.0)]
    with open(path, newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS


def test_without_validation(tmp_path):
    history = History(tmp_path / "history.csv", 0)
    history.append(row(10))
    assert read_history(tmp_path / "history.csv") == [row(10)]
    assert history.best() is None


def test_the_best_is_the_first_of_equals(path):
    assert History(path, 30).best() == row(20, 20.0)


def test_later_rows_are_cut(path):
    assert [r.step for r in History(path, 20).rows] == [10, 20]
    assert [r.step for r in read_history(path)] == [10, 20]


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_last_line_without_its_end_is_removed(path, cut):
    """It is removed even if it can be parsed: a number can lack its last digits."""
    path.write_bytes(path.read_bytes()[:-cut])
    assert [r.step for r in read_history(path)] == [10, 20]


def test_a_file_of_an_earlier_version_is_read(path):
    lines = path.read_bytes().decode().splitlines()
    old = [line.rpartition(",")[0] for line in lines]
    assert old[0].endswith("validation_error")
    path.write_text("\r\n".join([*old, ""]))
    assert read_history(path) == [row(10, 30.0), row(20, 20.0), row(30, 20.0)]
    History(path, 30).append(dataclasses.replace(row(40), weights_sha256="0" * 64))
    assert read_history(path)[3].weights_sha256 == "0" * 64


def test_a_row_that_was_cut_off_is_removed(path):
    content = path.read_text()
    path.write_text(content[:-30])
    history = History(path, 30)
    assert [r.step for r in history.rows] == [10, 20]
    history.append(row(30, 10.0))
    assert read_history(path)[-1] == row(30, 10.0)


@pytest.mark.parametrize(
    "step", ["inf", "-inf", "nan", "1e999", "9" * 200_000, "\0", "x"]
)
def test_a_step_that_is_not_a_number_ends_the_reports(tmp_path, step):
    path = tmp_path / "history.csv"
    numbers = ",1,1,1,1,1,1"
    columns = ",".join(COLUMNS[:7])
    path.write_text(f"{columns}\n1{numbers}\n{step}{numbers}\n3{numbers}\n")
    assert [row.step for row in read_history(path)] == [1]
