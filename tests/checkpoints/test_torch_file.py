import io
import os
import pickle
import re
import struct
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from resnet_tf.checkpoints.state_dict import find_weights, read_state_dict
from resnet_tf.checkpoints.torch_file import read_torch
from resnet_tf.errors import CheckpointError

PEERS = os.environ.get("RESNET_TF_PEERS")
needs_peers = pytest.mark.skipif(
    not PEERS, reason="RESNET_TF_PEERS names no folder of published PyTorch files"
)


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


# An independent writer of both formats, based on their description.
class Global(NamedTuple):
    module: str
    name: str


class Made(NamedTuple):
    """The result of a call."""

    function: Global
    args: tuple = ()
    items: dict | None = None
    state: object = None


class Storage(NamedTuple):
    key: str
    kind: str
    count: int
    data: bytes
    part: tuple | None = None


class Raw(NamedTuple):
    """Opcodes."""

    ops: bytes


def tensor(storage, size, stride, offset=0, name="_rebuild_tensor_v2"):
    rest = (False, Made(ORDERED)) if name == "_rebuild_tensor_v2" else ()
    function = Global("torch._utils", name)
    return Made(function, (storage, offset, size, stride, *rest))


def storage(key, array, kind="FloatStorage"):
    return Storage(key, kind, array.size, array.tobytes())


def ops(value, legacy) -> bytes:
    def many(values):
        return b"(" + b"".join(ops(v, legacy) for v in values)

    match value:
        case Raw(code):
            return code
        case Global(module, name):
            return f"c{module}\n{name}\n".encode()
        case Made(function, args, items, state):
            code = ops(function, legacy) + ops(args, legacy) + b"R"
            if items is not None:
                code += many(x for pair in items.items() for x in pair) + b"u"
            return code + (b"" if state is None else ops(state, legacy) + b"b")
        case Storage(key, kind, count, _, part):
            name = ("storage", Global("torch", kind), key, "cpu", count)
            return ops((*name, part) if legacy else name, legacy) + b"Q"
        case None | bool():
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        case int():
            data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            return b"\x8a" + bytes([len(data)]) + data
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        case tuple():
            return many(value) + b"t"
        case list():
            return b"]" + many(value) + b"e"
        case dict():
            return b"}" + many(x for pair in value.items() for x in pair) + b"u"


def pickled(value, legacy) -> bytes:
    return b"\x80\x02" + ops(value, legacy) + b"."


def as_zip(path, value, storages, order=b"little", extra=(), compress=False):
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("archive/data.pkl", pickled(value, False))
        if order:
            archive.writestr("archive/byteorder", order)
        for item in storages:
            archive.writestr(f"archive/data/{item.key}", item.data)
        archive.writestr("archive/version", "3\n")
        for name, data in extra:
            archive.writestr(name, data)


def as_legacy(path, value, storages, keys=None, protocol=1001):
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    keys = [item.key for item in storages] if keys is None else keys
    head = [0x1950A86A20F9469CFC6C, protocol, machine, value, keys]
    with open(path, "wb") as file:
        file.writelines(pickled(part, True) for part in head)
        for item in storages:
            file.write(struct.pack("<q", item.count) + item.data)


ORDERED = Global("collections", "OrderedDict")
NUMBERS = np.arange(24, dtype="<f4") / 8 - 1
FLOATS = storage("94", NUMBERS)
BOTH = pytest.mark.parametrize("write", [as_zip, as_legacy])


@BOTH
def test_views_of_one_storage(write, tmp_path):
    views = {
        "whole": tensor(FLOATS, (2, 3, 4), (12, 4, 1)),
        "transposed": tensor(FLOATS, (4, 3, 2), (1, 4, 12)),
        "column": tensor(FLOATS, (6,), (4,), 3),
        "end": tensor(FLOATS, (1, 1), (99, 99), 23),
        "repeated": tensor(FLOATS, (3, 4), (0, 1), 20),
        "scalar": tensor(FLOATS, (), (), 7),
        "empty": tensor(FLOATS, (0, 5), (5, 1), 24),
    }
    write(tmp_path / "a.pth", views, [FLOATS])
    read = read_state_dict(tmp_path / "a.pth")
    whole = NUMBERS.reshape(2, 3, 4)
    expected = {
        "whole": whole,
        "transposed": whole.transpose(2, 1, 0),
        "column": NUMBERS[3::4],
        "end": [[NUMBERS[23]]],
        "repeated": [NUMBERS[20:]] * 3,
        "scalar": NUMBERS[7],
        "empty": np.zeros((0, 5)),
    }
    assert list(read) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(read[name], array, strict=False, err_msg=name)
        assert read[name].dtype == np.float32
    assert np.shares_memory(read["whole"], read["column"])
    assert not read["whole"].flags.writeable


@BOTH
@pytest.mark.parametrize(
    ("kind", "dtype", "values"),
    [
        ("DoubleStorage", "f8", [1e300, -0.1]),
        ("HalfStorage", "f2", [65504, -0.5]),
        ("LongStorage", "i8", [-(2**62), 5]),
        ("IntStorage", "i4", [-(2**31), 5]),
        ("ShortStorage", "i2", [-(2**15), 5]),
        ("CharStorage", "i1", [-128, 5]),
        ("ByteStorage", "u1", [255, 5]),
        ("BoolStorage", "?", [True, False]),
    ],
)
def test_types(write, kind, dtype, values, tmp_path):
    item = storage("0", np.array(values, dtype), kind)
    write(tmp_path / "a.pth", [tensor(item, (2,), (1,))], [item])
    (read,) = read_torch(tmp_path / "a.pth")
    assert read.dtype == dtype and read.tolist() == np.array(values, dtype).tolist()


@BOTH
def test_bfloat16_becomes_float32(write, tmp_path):
    bits = np.array([0x3F80, 0xC049, 0x7F80, 0x0001], "<u2")
    item = storage("0", bits, "BFloat16Storage")
    write(tmp_path / "a.pth", tensor(item, (3,), (1,), 1), [item])
    read = read_torch(tmp_path / "a.pth")
    assert read.dtype == np.float32 and not read.flags.writeable
    assert read.tolist() == [-3.140625, float("inf"), 2.0**-133]


@BOTH
def test_several_storages_and_one_without_elements(write, tmp_path):
    items = [
        storage("7", np.array([2, 3], "<i8"), "LongStorage"),
        storage("11", np.zeros(0, "<f4")),
        FLOATS,
    ]
    value = {
        "floats": tensor(FLOATS, (2,), (1,), 22),
        "none": tensor(items[1], (0,), (1,)),
        "longs": tensor(items[0], (2,), (1,)),
    }
    write(tmp_path / "a.pth", value, items)
    read = read_state_dict(tmp_path / "a.pth")
    assert read["floats"].tolist() == NUMBERS[22:].tolist()
    assert read["none"].shape == (0,)
    assert read["longs"].tolist() == [2, 3]


def test_the_byte_order_of_a_zip(tmp_path):
    item = storage("0", NUMBERS.astype(">f4"))
    for order, expected in ((b"big", NUMBERS), (b"little", NUMBERS.byteswap())):
        as_zip(tmp_path / "a.pth", tensor(item, (24,), (1,)), [item], order)
        read = read_torch(tmp_path / "a.pth")
        assert read.astype("<f4").tobytes() == expected.tobytes()
    as_zip(tmp_path / "a.pth", tensor(FLOATS, (24,), (1,)), [FLOATS], order=None)
    np.testing.assert_array_equal(read_torch(tmp_path / "a.pth"), NUMBERS)


def test_old_files(tmp_path):
    """Parts of storages, parameters as objects, and the pairs of Python 2."""
    part = FLOATS._replace(part=("95", 8, 16))
    parameter = Global("torch.nn.parameter", "Parameter")
    old = tensor(part, (4,), (2,), 1, "_rebuild_tensor")
    pairs = [["weight", Made(parameter, (old,), state=(True, False, Made(ORDERED)))]]
    as_legacy(tmp_path / "a.pth", Made(ORDERED, (pairs,)), [FLOATS])
    read = read_state_dict(tmp_path / "a.pth")
    assert read["weight"].tolist() == NUMBERS[9:17:2].tolist()
    assert list(read) == ["weight"]


@BOTH
def test_a_whole_training_checkpoint(write, tmp_path):
    utils = "torch._utils"
    plain = tensor(FLOATS, (2,), (1,))
    weights = {
        "module.a": Made(Global(utils, "_rebuild_parameter"), (plain, True, {})),
        "module.b": Made(
            Global(utils, "_rebuild_parameter_with_state"), (plain, True, {}, {})
        ),
    }
    lightning = "pytorch_lightning"
    size = Made(Global("torch", "Size"), ((2, 3),))
    value = {
        "state_dict": Made(ORDERED, (), weights, {"_metadata": Made(ORDERED)}),
        "best_prec1": 91.5,
        "epoch": None,
        "hyper_parameters": Made(
            Global(f"{lightning}.utilities.parsing", "AttributeDict"),
            (),
            {"sizes": [16, (32, True)], "shape": size},
        ),
        "callbacks": {
            Global(f"{lightning}.callbacks.model_checkpoint", "ModelCheckpoint"): {}
        },
        "args": Made(Global("argparse", "Namespace"), (), None, {"lr": 0.1}),
        "milestones": Made(Global("collections", "Counter"), ({100: 1},)),
    }
    write(tmp_path / "a.ckpt", value, [FLOATS])
    read = read_torch(tmp_path / "a.ckpt")
    tensors = read.pop("state_dict")
    assert read == {
        "best_prec1": 91.5,
        "epoch": None,
        "hyper_parameters": {"sizes": [16, (32, True)], "shape": (2, 3)},
        "callbacks": {
            "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint": {}
        },
        "args": {"lr": 0.1},
        "milestones": {100: 1},
    }
    assert list(tensors) == ["module.a", "module.b"]
    stripped = read_state_dict(tmp_path / "a.ckpt")
    assert {k: v.tolist() for k, v in stripped.items()} == {
        "a": NUMBERS[:2].tolist(),
        "b": NUMBERS[:2].tolist(),
    }


def refused(path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_state_dict(path)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 500 and str(path) in message
    return message


CYCLE = Raw(b"]q\x00h\x00a")
DEEP = Raw(b"]" * 100 + b"a" * 99)
REPEATED = Raw(b"}(X\x01\x00\x00\x00aNX\x01\x00\x00\x00aNu")
# Fifty nested pairs, each holding the previous one twice: 2^50 paths.
TWICE = Raw(b"N" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(50)))


@BOTH
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Made(Global("posix", "system"), ("true",)), "'posix.system' is not allowed"),
        (Global("torchvision.models.resnet", "ResNet"), "by name, received str"),
        (Made(Global("builtins", "eval"), ("1",)), "'builtins.eval' is not allowed"),
        ([1, Made(Global("os", "system"), ("",))], "'os.system' is not al"),
        (tensor(FLOATS, (24,), (1,), 1), r"\(24,\) must lie within its storage of 24"),
        (tensor(FLOATS, (5, 5), (5, 1)), "must lie within its storage"),
        (tensor(FLOATS, (2**30,), (0,)), "must lie within its storage"),
        (tensor(FLOATS, (2, -1), (1, 1)), "size and strides of whole numbers"),
        (tensor(FLOATS, (2,), (-1,), 3), "size and strides of whole numbers"),
        (tensor(FLOATS, (0, 2**40), (1, 1)), "size and strides of whole numbers"),
        (tensor(FLOATS, (2.0,), (1,)), "size and strides of whole numbers"),
        (tensor(FLOATS, [2], (1,)), "size and strides of whole numbers"),
        (tensor(FLOATS, (2, 2), (1,)), "a stride a dimension"),
        (tensor(FLOATS, (1,) * 65, (1,) * 65), "a stride a dimension"),
        (tensor(FLOATS, (0, *(2**31 - 1,) * 3), (1,) * 4), "cannot be read"),
        (tensor("a", (2,), (1,)), "a call of torch._utils._rebuild_tensor_v2"),
        (Made(Global("torch", "FloatStorage"), (3,)), "a call of torch.FloatStorage"),
        (Made(ORDERED, (3,)), "made of dicts and pairs"),
        (Made(ORDERED, ([[1, 2]],)), "a dict must be made of named values"),
        (
            FLOATS._replace(kind="OddStorage"),
            "by name, received Opaque|list of storages",
        ),
        (FLOATS._replace(kind="Size"), "named otherwise than by PyTorch"),
        (FLOATS._replace(count=-1), "named otherwise than by PyTorch"),
        (FLOATS._replace(count=23), "storage '94' must have"),
        (FLOATS._replace(count=2**40), "storage '94' must have"),
        ([FLOATS, FLOATS._replace(count=23)], "must have one type and size"),
        ([FLOATS, FLOATS._replace(kind="IntStorage")], "must have one type and size"),
        (Raw(b"N(U\x07storageU\x05otherlQ"), "cannot be read"),
        (CYCLE, "must not be nested deeper than 64"),
        (DEEP, "must not be nested deeper than 64"),
        (TWICE, "received tuple"),
        (REPEATED, "the key 'a' must occur once"),
        (Made(ORDERED, ({"a": 1},), {"a": 2}), "the key 'a' must occur once"),
        (Made(ORDERED, ([["a", 1], ["a", 2]],)), "the key 'a' must occur once"),
    ],
)
def test_hostile_pickles(write, value, message, tmp_path):
    named = FLOATS.key.encode() in pickled(value, True)
    write(tmp_path / "a.pth", value, [FLOATS] if named else [])
    assert re.search(message, refused(tmp_path / "a.pth"))


def test_dicts_that_share_one_dict_are_bounded(tmp_path):
    """Two thousand ordered dicts that copy one dict of two thousand entries."""
    entries = b"".join(ops(f"k{i}", False) + b"N" for i in range(2_000))
    copies = b"ccollections\nOrderedDict\nh\x00\x85R" * 2_000
    value = Raw(b"(}q\x00(" + entries + b"u" + copies + b"t")
    as_zip(tmp_path / "a.pth", value, [])
    assert "must not share their entries so often" in refused(tmp_path / "a.pth")


WHOLE = tensor(FLOATS, (24,), (1,))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compress": True}, "its members must not be compressed"),
        ({"extra": [("archive/../b", b"")]}, "must stay in their folder"),
        ({"extra": [("/etc/b", b"")]}, "must stay in their folder"),
        ({"extra": [("archive/a\\b", b"")]}, "must stay in their folder"),
        ({"extra": [("b/data.pkl", b"")]}, "it must hold one folder, received 2"),
        ({"storages": []}, "no item named 'archive/data/94'"),
        ({"storages": [FLOATS._replace(data=b"x")]}, "must have 96 bytes, received 1"),
    ],
)
def test_refused_zips(options, message, tmp_path):
    as_zip(tmp_path / "a.pth", **{"value": WHOLE, "storages": [FLOATS], **options})
    assert message in refused(tmp_path / "a.pth")


def test_a_torchscript_program(tmp_path):
    code = [("archive/code/__torch__.py", b"class Net(Module): ...")]
    as_zip(tmp_path / "net.pt", WHOLE, [FLOATS], extra=code, compress=True)
    assert refused(tmp_path / "net.pt").startswith(
        f"{tmp_path}/net.pt is a TorchScript program, not weights; if you trust it, "
        "turn it into a state dict: python -c 'import torch; torch.save("
        f'torch.jit.load("{tmp_path}/net.pt", map_location="cpu").state_dict(), '
    )


def test_objects_that_are_not_tensors_stay_names(tmp_path):
    path = Made(Global("pathlib", "PosixPath"), ("/", "etc", "passwd"))
    scalar = Made(Global("numpy._core.multiarray", "scalar"), ("x", "y"))
    enum = Made(Made(Global("builtins", "getattr"), (Global("m", "E"), "A")), ())
    value = {
        "device": Made(Global("torch", "device"), ("cuda:0",)),
        "where": path,
        "best": [scalar, Global("torch", "float16")],
        "own": Made(Global("__main__", "Config"), (), {"a": 1}, {"b": 2}),
        "groups": Made(
            Global("collections", "defaultdict"), (Global("m", "f"),), {"a": 1}
        ),
        "enum": enum,
        "weights": WHOLE,
    }
    as_zip(tmp_path / "a.pth", value, [FLOATS])
    read = read_torch(tmp_path / "a.pth")
    np.testing.assert_array_equal(read.pop("weights"), NUMBERS)
    assert {k: repr(x) for k, x in read.items()} == {
        "device": "<torch.device>",
        "where": "<pathlib.PosixPath>",
        "best": "[<numpy._core.multiarray.scalar>, 'torch.float16']",
        # Items that a pickle sets by key are data.
        "own": "{'a': 1}",
        "groups": "{'a': 1}",
        "enum": "<builtins.getattr()>",
    }


def test_members_of_one_name_are_refused(tmp_path):
    extra = [("archive/data/94", b"")]
    with pytest.warns(UserWarning, match="Duplicate name"):
        as_zip(tmp_path / "a.pth", WHOLE, [FLOATS], extra=extra)
    assert "must be unique" in refused(tmp_path / "a.pth")


def test_a_member_larger_than_the_file_is_refused(tmp_path):
    path = tmp_path / "a.pth"
    as_zip(path, WHOLE, [FLOATS])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/more", b"")
        archive.getinfo("archive/data/94").file_size = path.stat().st_size
    assert "must not be larger than the file" in refused(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ["94", "95"]}, "list of storages must match its tensors"),
        ({"keys": []}, "list of storages must match its tensors"),
        ({"keys": ["94", "94"]}, "list of storages must match its tensors"),
        ({"keys": {"94": 1}}, "list of storages must match its tensors"),
        ({"keys": [94]}, "list of storages must match its tensors"),
        ({"protocol": 1002}, "its protocol must be 1001"),
        ({"storages": [FLOATS._replace(count=25)]}, "24 elements, received 25"),
        ({"storages": [FLOATS._replace(data=b"x")]}, "96 bytes, received 1"),
        (
            {"value": tensor(FLOATS._replace(part=("9", 9, 16)), (1,), (1,))},
            "a part of storage '94' must lie within it",
        ),
        (
            {"value": tensor(FLOATS._replace(part=("9", -1, 16)), (1,), (1,))},
            "a part of storage '94' must lie within it",
        ),
    ],
)
def test_refused_legacy_files(options, message, tmp_path):
    as_legacy(tmp_path / "a.pth", **{"value": WHOLE, "storages": [FLOATS], **options})
    assert message in refused(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins neither as a zip nor with PyTorch's magic number"),
        (b"text", "begins neither as a zip nor with PyTorch's magic number"),
        (pickle.dumps({"a": 1}), "begins neither as a zip"),
        (b"PK\x03\x04", "cannot be read as a PyTorch file"),
    ],
)
def test_other_files(content, message, tmp_path):
    (tmp_path / "a.pth").write_bytes(content)
    assert message in refused(tmp_path / "a.pth")


def test_no_file(tmp_path):
    assert refused(tmp_path / "a.pth") == f"{tmp_path}/a.pth is missing"
    assert "it must be a file of at most 4294967296 bytes" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe.pth")
    assert "it must be a file" in refused(tmp_path / "pipe.pth")
    with open(tmp_path / "large.pth", "wb") as file:
        file.truncate(5 << 30)  # a hole, it takes no room
    assert "at most 4294967296 bytes" in refused(tmp_path / "large.pth")


@BOTH
def test_any_damage_is_at_most_one_line(write, tmp_path):
    """The file is cut at every byte, and one byte is changed at 400 places."""
    path = tmp_path / "a.pth"
    write(path, Made(ORDERED, (), {"a": WHOLE, "b": {"c": 1.5}}), [FLOATS])
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        refused(path)
    for _ in range(400):
        data = bytearray(whole)
        data[generator.integers(len(data))] ^= generator.integers(1, 256)
        path.write_bytes(data)
        try:
            read_torch(path)
        except CheckpointError as error:
            assert "\n" not in str(error)


@needs_peers
def test_published_files():
    (path,) = Path(PEERS, "akamaster").glob("resnet20-*.th")
    state_dict = read_state_dict(path)
    floats = [x for name, x in state_dict.items() if "running" not in name]
    assert len(state_dict) == 97
    assert sum(x.size for x in floats) == 269_722
    assert read_torch(path)["best_prec1"] == pytest.approx(91.78, abs=1e-4)
    lightning = read_torch(Path(PEERS, "uvadlc", "ResNet.ckpt"))
    assert lightning["hyper_parameters"]["model_hparams"]["num_blocks"] == [3, 3, 3]
    state_dict = find_weights(lightning).tensors
    assert state_dict["input_net.0.weight"].shape == (16, 3, 3, 3)


@pytest.mark.parametrize("zipped", [True, False])
def test_files_written_by_pytorch(zipped, tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.arange(24.0).reshape(4, 6) / 7
    layer = torch.nn.BatchNorm2d(3)
    value = {
        "state_dict": {
            "base": base,
            "columns": base.T[1:3],
            "half": base.half(),
            "bfloat16": base.bfloat16(),
            "parameter": torch.nn.Parameter(base[1]),
            **layer.state_dict(),
        },
        "size": base.size(),
    }
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
    (tmp_path / "a.pth").write_bytes(buffer.getvalue())
    read = read_torch(tmp_path / "a.pth")
    assert read["size"] == (4, 6)
    assert list(read["state_dict"]) == list(value["state_dict"])
    for name, expected in value["state_dict"].items():
        expected = expected.detach()
        if expected.dtype == torch.bfloat16:
            expected = expected.float()
        array = read["state_dict"][name]
        np.testing.assert_array_equal(array, expected.numpy(), strict=True)
