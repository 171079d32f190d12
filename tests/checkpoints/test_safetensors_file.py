"""Valid and refused safetensors files."""

import json

import numpy as np
import pytest

from resnet_tf.checkpoints.safetensors_file import is_safetensors, read_safetensors
from resnet_tf.errors import CheckpointError


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


def write(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if length is None else length
    path.write_bytes(length.to_bytes(8, "little") + text + data)
    return path


def entry(kind, shape, first, last):
    return {"dtype": kind, "shape": shape, "data_offsets": [first, last]}


def test_tensors(tmp_path):
    floats = np.arange(6, dtype="<f4").reshape(2, 3)
    header = {
        "__metadata__": {"format": "pt"},
        "half": entry("BF16", [2], 24, 28),
        "a": entry("F32", [2, 3], 0, 24),
        "count": entry("I64", [], 28, 36),
        "none": entry("F32", [0], 36, 36),
    }
    data = floats.tobytes() + b"\x80\x3f\x49\xc0" + (7).to_bytes(8, "little")
    path = write(tmp_path / "a.bin", header, data)
    assert is_safetensors(path)
    read = read_safetensors(path)
    np.testing.assert_array_equal(read["a"], floats)
    assert read["half"].tolist() == [1.0, -3.140625] and read["count"] == 7
    assert read["none"].shape == (0,) and not read["a"].flags.writeable


A, B = b'"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}', entry("U8", [2], 1, 3)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        (b"{" + A + b"," + A + b"}", b"xx", "the key 'a' must occur once"),
        (
            {"a": entry("U8", [2], 0, 2), "b": B},
            b"xxx",
            "'b' must follow the one before",
        ),
        ({"a": entry("U8", [1], 1, 2)}, b"xx", "'a' must follow"),
        ({"a": entry("U8", [2], 0, 2)}, b"x", "'a' must follow"),
        ({"a": entry("U8", [2], 0, 2)}, b"xxx", "must fill the 3 bytes"),
        ({"a": entry("F32", [2], 0, 4)}, b"xxxx", "data_offsets that fit"),
        ({"a": entry("F8_E4M3", [1], 0, 1)}, b"x", "a known dtype"),
        ({"a": entry("U8", [-1, -1], 0, 1)}, b"x", "data_offsets that fit"),
        ({"a": entry("U8", [2**47] * 9 + [0], 0, 1)}, b"x", "data_offsets that fit"),
        ({"a": entry("U8", [True], 0, 1)}, b"x", "data_offsets that fit"),
        ({"a": [1]}, b"", "data_offsets that fit"),
        (b"[]", b"", "a JSON object"),
        (b"{", b"", "cannot be read as a safetensors file"),
    ],
)
def test_refused(header, data, message, tmp_path):
    path = write(tmp_path / "a.safetensors", header, data)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_safetensors(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [3, 2**63, 2**24 + 1])
def test_a_header_that_lies_about_its_length(length, tmp_path):
    path = write(tmp_path / "a.safetensors", b"{}", b"", length)
    with pytest.raises(CheckpointError, match=f"bytes, received {length}"):
        read_safetensors(path)


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match="a.safetensors is missing"):
        read_safetensors(tmp_path / "a.safetensors")
    assert not is_safetensors(tmp_path / "a.pth")
    (tmp_path / "a.pth").write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF{")
    assert not is_safetensors(tmp_path / "a.pth")
