"""Features of HDF5 that a weight file must not use."""

import resource

import h5py
import numpy as np
import pytest

from resnet_tf.checkpoints.weights_file import StoredWeights
from resnet_tf.errors import CheckpointError


def stored_shapes(path):
    return StoredWeights.read(path).shapes


def head_shape(path):
    return StoredWeights.read(path).head_shape


def require_finite(path):
    for _ in StoredWeights.read(path).values():
        pass


@pytest.fixture
def path(tmp_path):
    """Two layers in Keras's format, the second with a name."""
    path = tmp_path / "a.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/conv/vars/0"] = np.ones((3, 3, 2, 4), "float16")
        file["layers/dense/vars/0"] = np.ones((4, 5), "float32")
        file["layers/dense/vars/1"] = np.zeros(5, "float32")
        file["layers/dense/vars"].attrs["name"] = "logits"
    return path


def test_the_shapes(path):
    assert stored_shapes(path) == {
        "layers/conv/vars/0": (3, 3, 2, 4),
        "layers/dense/vars/0": (4, 5),
        "layers/dense/vars/1": (5,),
    }
    require_finite(path)
    assert head_shape(path) == (4, 5)
    with h5py.File(path, "r+") as file:
        file.move("layers/dense", "layers/dense_1")
    assert head_shape(path) is None


def test_a_name_that_claims_gigabytes_is_not_read(path):
    """HDF5 allocates the claimed length of a text before it looks for the text."""
    claimed = (500_000_000).to_bytes(4, "little")
    length, place = len("logits").to_bytes(4, "little"), b"\x00" * 4
    content = path.read_bytes()
    # The length, the address of the heap with the text, and its index.
    at = [
        i
        for i in range(len(content) - 16)
        if content[i : i + 4] == length
        and content[i + 8 : i + 12] == place
        and content[i + 12 : i + 16] == (1).to_bytes(4, "little")
    ]
    (at,) = at
    path.write_bytes(content[:at] + claimed + content[at + 4 :])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert head_shape(path) == (4, 5)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 50e6


def _filtered(file, **options):
    file.create_dataset("layers/x", (1000, 1000), "f4", **options)


def _external(file):
    # If it were followed, ten bytes of the disk would be read as weights.
    segment = [("/etc/passwd", 0, 8)]
    file.create_dataset("layers/x", (2,), "f4", external=segment)


def _virtual(file):
    layout = h5py.VirtualLayout((5,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (5,))
    file.create_virtual_dataset("layers/x", layout)


def _soft(file):
    file["layers/x"] = h5py.SoftLink("/layers/dense/vars/0")


def _outside(file):
    file["layers/x"] = h5py.ExternalLink("/etc/passwd", "x")


def _hard(file):
    file["layers/x"] = file["layers/dense/vars/0"]


def _cycle(file):
    file["layers/x"] = file["layers"]


def _deep(file):
    file["/".join("x" * 40)] = np.zeros(1, "f4")


def _type(dtype):
    def harm(file):
        file.create_dataset("layers/x", (2,), dtype)

    return harm


def _note(file):
    file["layers/dense/vars/0"].attrs["dtype"] = "bfloat16"


def _other_note(file):
    file["layers/dense"].attrs["notes"] = "x"


def _named_type(file):
    file["layers/x"] = np.dtype("f4")


def _empty(file):
    file["layers/x"] = h5py.Empty("f4")


def _unwritten(file):
    # The file claims a terabyte but holds none of it.
    file.create_dataset("layers/x", (1 << 19, 1 << 19), "f4")


HARMS = {
    "gzip": lambda file: _filtered(file, compression="gzip"),
    "chunks": lambda file: _filtered(file, chunks=(10, 10)),
    "scaled": lambda file: _filtered(file, scaleoffset=2),
    "external": _external,
    "virtual": _virtual,
    "soft link": _soft,
    "external link": _outside,
    "hard link": _hard,
    "cycle": _cycle,
    "deep": _deep,
    "double": _type("f8"),
    "big-endian": _type(">f4"),
    "int": _type("i4"),
    "text": _type(h5py.string_dtype()),
    "compound": _type([("a", "f4"), ("b", "f4")]),
    "array": _type("(100000000,)f4"),
    "reference": _type(h5py.ref_dtype),
    "bfloat16": _note,
    "note": _other_note,
    "a type": _named_type,
    "empty": _empty,
    "unwritten": _unwritten,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_other_features_of_hdf5_are_refused(path, harm):
    with h5py.File(path, "r+") as file:
        harm(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        CheckpointError, match=r"a\.weights\.h5 cannot be read"
    ) as caught:
        stored_shapes(path)
    assert "\n" not in str(caught.value)
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < 50e6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["layers/conv/vars/0", "layers/dense/vars/1"])
def test_weights_must_be_finite(path, name, value):
    with h5py.File(path, "r+") as file:
        file[name][-1] = value
    stored_shapes(path)
    with pytest.raises(CheckpointError, match=f"must be finite, {name} is not"):
        require_finite(path)


def test_a_file_that_is_not_hdf5(path, tmp_path):
    # HDF5 itself would search for a signature later in the file.
    path.write_bytes(b"\0" * 512 + path.read_bytes())
    with pytest.raises(CheckpointError, match="it is not an HDF5 file"):
        stored_shapes(path)
    with pytest.raises(CheckpointError, match="is missing"):
        stored_shapes(tmp_path)
    with pytest.raises(CheckpointError, match="is missing"):
        stored_shapes(tmp_path / "none.weights.h5")


def test_the_size_of_a_file_is_limited(path):
    with open(path, "r+b") as file:
        file.truncate(5 << 30)  # a hole, it takes no room
    with pytest.raises(CheckpointError, match="at most 4294967296 bytes"):
        stored_shapes(path)
