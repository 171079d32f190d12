import pytest

from resnet_tf.checkpoints.files import file_sha256, json_text, read_bytes, read_json
from resnet_tf.errors import CheckpointError, DivergedError


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_files_never_hold_numbers_that_are_not_finite(value):
    with pytest.raises(DivergedError, match=f"must be finite, received {value}$"):
        json_text({"loss": [value]})


@pytest.mark.parametrize(
    "read", [file_sha256, read_json, lambda path: read_bytes(path, 4 << 30)]
)
def test_the_size_is_checked_before_anything_is_read(tmp_path, read):
    path = tmp_path / "x"
    with open(path, "wb") as file:
        file.truncate(30 << 30)  # a hole: takes no disk space
    message = r"x must have at most \d+ bytes, received 32212254720$"
    with pytest.raises(CheckpointError, match=message):
        read(path)
