import json

import numpy as np
import pytest

from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.analysis.ledger.record import read_record, write_record
from resnet_tf.errors import CheckpointError, OutputError
from tests.analysis.ledger.made import TRUTH, N, made, write_made, write_plan


@pytest.fixture
def config(tmp_path):
    return read_plan(write_plan(tmp_path)).entries["fast"].seeded(1)


@pytest.fixture
def values(config):
    return made("fast", config, wrong=[3, 170])


def test_a_record_is_read_as_it_was_written(config, values, tmp_path):
    path = write_made(tmp_path / "new", "fast", config, wrong=[3, 170])
    assert path.name == "fast-seed1.json" and path.stat().st_size < 8_000
    record = read_record(path)
    assert record.config == config
    assert (record.name, record.seed) == ("fast", 1)
    np.testing.assert_array_equal(np.flatnonzero(record.answers.wrong), [3, 170])
    right = ~record.answers.wrong
    np.testing.assert_array_equal(record.answers.predictions[right], TRUTH[right])
    assert record.answers.error == pytest.approx(100 * 2 / N)
    assert record.values["fingerprint"] == config.fingerprint()
    assert [row.step for row in record.history] == [39]
    assert json.loads(path.read_text()) == values


def test_a_run_without_errors(config, tmp_path):
    record = read_record(write_made(tmp_path, "fast", config))
    assert record.answers.error == 0 and record.values["wrong"] == ""


def test_a_diverged_run_has_no_predictions(config, tmp_path):
    record = read_record(write_made(tmp_path, "fast", config, diverged="the loss"))
    assert record.answers is None and record.values["diverged"] == "the loss"


def test_the_same_experiment_keeps_its_record(config, values, tmp_path):
    path = write_made(tmp_path, "fast", config, wrong=[3, 170])
    write_record(path, {**values, "seconds": 99.0})
    assert json.loads(path.read_text()) == values


def test_a_record_of_another_experiment_is_not_replaced(config, values, tmp_path):
    path = write_made(tmp_path, "fast", config, wrong=[3, 170])
    before = path.read_bytes()
    other = json.loads(before)
    other["config"]["optimizer"]["init_lr"] = 0.3
    with pytest.raises(CheckpointError, match=r"another experiment: init_lr \(0.2 th"):
        write_record(path, other)
    assert path.read_bytes() == before
    path.write_text("mine")
    with pytest.raises(CheckpointError, match="fast-seed1.json is not JSON"):
        write_record(path, values)
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_written(values, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_record(tmp_path / "file/fast-seed1.json", values)


PREDICTIONS = " ".join(map(str, TRUTH))
REPORT = {"step": 39, "epoch": 2, "seconds": 1, "images_per_second": 1,
          "learning_rate": 0, "train_loss": 1, "train_error": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 3}, "name must be a printable text, received 3"),
        ({"name": "a\x1b"}, "name must be a printable text"),
        ({"seed": 2}, "seed must be 1, as its config says, received 2"),
        ({"seed": True}, "seed must be a whole number, received True"),
        ({"config": []}, "config must be an object, received []"),
        ({"config": {}}, "config: "),
        ({"fingerprint": "x"}, "fingerprint must be 64 hexadecimal digits"),
        ({"multiply_adds": 1}, "multiply_adds must be "),
        ({"seconds": -1}, "seconds must be a number from 0"),
        ({"seconds": None}, "seconds must be a number from 0"),
        ({"machine": {"cpu": 3, "cores": 2}}, "machine: cpu must be a printable text"),
        ({"machine": {"cpu": "CPU"}}, "machine: cores must be a whole number above 0,"),
        ({"commit": 3}, "commit must be a printable text, received 3"),
        ({"diverged": 3}, "diverged must be a printable text, received 3"),
        ({"n": None}, "n must be a whole number above 0"),
        ({"n": 179}, "n must be validation_size=180, received 179"),
        ({"images_sha256": "0"}, "images_sha256 must be 64 hexadecimal digits"),
        ({"predictions": []}, "predictions must be a printable text"),
        ({"predictions": ""}, "predictions must be 180 numbers below 10, received 0"),
        ({"predictions": "1 x"}, "predictions must be whole numbers separated by spac"),
        ({"predictions": "-1 2"}, "predictions must be whole numbers separated by spa"),
        ({"predictions": "9" * 30}, "predictions must be whole numbers separated by s"),
        ({"predictions": "\u0663"}, "predictions must be whole numbers separated by s"),
        ({"predictions": PREDICTIONS + " 1"}, "predictions must be 180 numbers below"),
        ({"predictions": "10" + PREDICTIONS[1:]}, "predictions must be 180 numbers be"),
        ({"wrong": "3 3"}, "wrong must be rising numbers below 180, received '3 3'"),
        ({"wrong": "9 3"}, "wrong must be rising numbers below 180, received '9 3'"),
        ({"wrong": "180"}, "wrong must be rising numbers below 180, received '180'"),
        ({"wrong": "3"}, "validation_error must be 0.555556, the share of wrong, rece"),
        ({"validation_error": 101}, "validation_error must be from 0 to 100"),
        ({"validation_loss": "low"}, "validation_loss must be a number from 0"),
        ({"history": {}}, "history must be a list"),
        ({"history": []}, "history must end at step 39, received 0"),
        ({"history": [3]}, "report 1 of history must be a report, received 3"),
        ({"history": [{**REPORT, "x": 1}]}, "report 1 of history must be a report"),
        ({"history": [{**REPORT, "step": 38}]}, "history must end at step 39, receiv"),
        ({"history": [{**REPORT, "epoch": "2"}]}, "history: epoch must be a number"),
        ({"history": [{**REPORT, "weights_sha256": {}}]}, "weights_sha256 must be 64"),
    ],
)  # fmt: skip
def test_a_damaged_record(values, tmp_path, change, message):
    path = tmp_path / "fast-seed1.json"
    path.write_text(json.dumps({**values, **change}))
    with pytest.raises(CheckpointError) as caught:
        read_record(path)
    found = str(caught.value)
    assert found.startswith(f"{path}: ") and message in found and "\n" not in found


@pytest.mark.parametrize("key", ["name", "history", "predictions", "wrong", "machine"])
def test_a_record_without_a_field(values, tmp_path, key):
    path = tmp_path / "record.json"
    path.write_text(json.dumps({k: v for k, v in values.items() if k != key}))
    with pytest.raises(CheckpointError, match=f"{key} must be .*, is missing"):
        read_record(path)


def test_a_huge_file_is_not_read(tmp_path):
    path = tmp_path / "record.json"
    with open(path, "wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(CheckpointError, match="must have at most 16777216 bytes"):
        read_record(path)
