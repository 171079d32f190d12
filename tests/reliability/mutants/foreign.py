"""The readers of foreign files: weights of other libraries, images and data sets.

Each has a small file of its own, written here.
"""

import hashlib
import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
import tensorflow as tf
from PIL import Image

from resnet_tf.analysis.audit.keras_file import load_keras_file
from resnet_tf.checkpoints.torch_file import read_torch
from resnet_tf.config import ModelConfig
from resnet_tf.data import cifar_files
from resnet_tf.data.cache import cached
from resnet_tf.data.image_file import read_image
from resnet_tf.interop.tf1_file import read_variables
from resnet_tf.models import build_model
from tests.reliability.mutants.checkpoints import digest
from tests.reliability.mutants.tally import NO_CHECKSUM, SAME, Reader

_DRAW = np.random.default_rng(0)
_ARRAYS = {
    "conv.weight": _DRAW.normal(size=(4, 3, 3, 3)).astype("float32"),
    "head.bias": _DRAW.normal(size=10).astype("float32"),
}
_IMAGES = _DRAW.integers(0, 256, (26, 3072)).astype("uint8")
_LABELS = [number % 10 for number in range(26)]
_TRAIN, _TEST = 20, 6


def readers(work: Path) -> Iterator[Reader]:
    """Yields every reader.

    Args:
        work: An empty folder.
    """
    yield _torch("PyTorch, zip", work / "zip.pth", _torch_zip())
    yield _torch("PyTorch, legacy", work / "legacy.pth", _torch_legacy())
    yield _tf1(work / "model.ckpt")
    yield _keras(work / "model.keras")
    yield _cifar("CIFAR-10, Python", work / "cifar-10-batches-py")
    yield _cifar("CIFAR-10, binary", work / "cifar-10-batches-bin")
    yield _archive(work / "cifar-10-python.tar.gz")
    yield _cache(work / "cache")
    for kind in ("png", "jpeg", "webp", "tiff"):
        yield _image(work / f"image.{kind}")


def _torch(name: str, path: Path, content: bytes) -> Reader:
    path.write_bytes(content)

    def read() -> str:
        found = read_torch(path)
        return digest([v for v in found.values() if _is_array(v)], f"{[*found]}")

    return Reader(name, read, {read(): SAME}, [path], NO_CHECKSUM)


def _is_array(value) -> bool:
    return isinstance(value, np.ndarray)


def _torch_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", _state_dict(b""))
        for key, array in _ARRAYS.items():
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return file.getvalue()


def _torch_legacy() -> bytes:
    machine = {"protocol_version": 1001, "little_endian": True}
    parts = [pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, machine)]
    parts += [_state_dict(b"N"), pickle.dumps([*_ARRAYS], 2)]
    for array in _ARRAYS.values():
        parts.append(struct.pack("<q", array.size) + array.tobytes())
    return b"".join(parts)


def _state_dict(whole: bytes) -> bytes:
    """Returns the pickle of a dict of tensors.

    Args:
        whole: The opcode that says in the legacy format that all of a storage is
            meant.
    """
    code = b"\x80\x02}("
    for key, array in _ARRAYS.items():
        strides = tuple(n // array.itemsize for n in array.strides)
        kind = b"ctorch\nFloatStorage\n"
        place = _plain("storage") + kind + _plain(key) + _plain("cpu")
        code += _plain(key) + b"ctorch._utils\n_rebuild_tensor_v2\n(("
        code += place + _plain(array.size) + whole + b"tQ" + _plain(0)
        code += _plain(array.shape) + _plain(strides)
        code += b"\x89ccollections\nOrderedDict\n)RtR"
    return code + b"u."


def _plain(value) -> bytes:
    """Returns the opcodes of a value, without their frame."""
    return pickle.dumps(value, 2)[2:-1]


def _tf1(prefix: Path) -> Reader:
    names = [name.replace(".", "/") for name in _ARRAYS]
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=list(_ARRAYS.values()),
    )

    def read() -> str:
        found = read_variables(prefix)
        return digest(found.values(), f"{[*found]}")

    files = sorted(prefix.parent.glob(f"{prefix.name}.*"))
    return Reader("TensorFlow 1", read, {read(): SAME}, files)


def _keras(path: Path) -> Reader:
    build_model(ModelConfig(num_residual_blocks=1)).save(path)

    def read() -> str:
        model = load_keras_file(path)
        return digest(model.weights, model.to_json())

    return Reader("Keras file", read, {read(): SAME}, [path], NO_CHECKSUM)


def _cifar(name: str, folder: Path) -> Reader:
    folder.mkdir()
    for file, content in _batches(binary=folder.name.endswith("bin")).items():
        (folder / file).write_bytes(content)
    # One of the five training files is as good as another.
    files = sorted(folder.iterdir())[-2:]
    return _cifar_reader(name, folder, files)


def _archive(path: Path) -> Reader:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in _batches(binary=False).items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return _cifar_reader("CIFAR-10, archive", path, [path], has_checksum=True)


def _cifar_reader(
    name: str, path: Path, files: list[Path], has_checksum: bool = False
) -> Reader:
    def read() -> str:
        with mock.patch.multiple(cifar_files, NUM_TRAIN=_TRAIN, NUM_TEST=_TEST):
            splits = [cifar_files.decode("cifar10", path, test) for test in (0, 1)]
        return digest([array for split in splits for array in split])

    other = None if has_checksum else NO_CHECKSUM
    return Reader(name, read, {read(): SAME}, files, other)


def _batches(binary: bool) -> dict[str, bytes]:
    """Returns the contents of the official files, by name."""
    files = {}
    for number in range(6):
        test = number == 5
        part = slice(20, 26) if test else slice(4 * number, 4 * number + 4)
        name = "test_batch" if test else f"data_batch_{number + 1}"
        labels, images = _LABELS[part], _IMAGES[part]
        if binary:
            rows = zip(labels, images, strict=True)
            files[f"{name}.bin"] = b"".join(bytes([n]) + x.tobytes() for n, x in rows)
        else:
            files[name] = pickle.dumps({"data": images, "labels": labels}, 2)
    return files


def _cache(folder: Path) -> Reader:
    """The cache of decoded images: damaged images are decoded again."""
    images = _IMAGES.reshape(-1, 32, 32, 3)
    arrays = images, np.array(_LABELS, np.int32)

    def read() -> str:
        return digest(cached(folder, "a", lambda: arrays))

    right = {read(): SAME}
    return Reader("decoded images", read, right, sorted(folder.iterdir()))


def _image(path: Path) -> Reader:
    Image.fromarray(_IMAGES[:10, :3000].reshape(100, 100, 3)).save(path)

    def read() -> str:
        return hashlib.sha256(read_image(path, 32).tobytes()).hexdigest()

    name = f"image, {path.suffix[1:].upper()}"
    return Reader(name, read, {read(): SAME}, [path], NO_CHECKSUM)
