import collections
import os
import pickle
import pickletools
import sys
import tracemalloc

import numpy as np
import pytest

from resnet_tf.data import plain_pickle
from resnet_tf.data.plain_pickle import (
    Call,
    PersistentId,
    PickleError,
    Symbol,
    read_pickle,
)

PLAIN = {
    "text": ["", "a", "é\n\\", "\U0001f600" * 300],
    "numbers": [0, -1, 255, 256, 70_000, -(2**31), 2**64, -(2**300), 0.1, -1e300],
    "constants": (None, True, False, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "many": list(range(2_500)),
    7: {"nested": {"empty": {}, "list": []}},
}


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


def refused(data: bytes, allowed=()) -> str:
    with pytest.raises(PickleError) as caught:
        read_pickle(data, allowed)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 250
    return message


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values(protocol):
    data = pickle.dumps(PLAIN, protocol)
    assert read_pickle(data, ()) == (PLAIN, len(data))


@pytest.mark.parametrize("protocol", [4, 5])
def test_bytes_and_sets(protocol):
    value = [b"\x00\xff", b"x" * 300, {1, "a"}, frozenset({2, None}), set()]
    data = pickle.dumps([*value, bytearray(b"ab")], protocol)
    read, _ = read_pickle(data, {"builtins.bytearray"})
    assert read[:5] == value and [type(v) for v in read[:5]] == [*map(type, value)]
    if protocol == 5:
        assert read[5] == b"ab" and type(read[5]) is bytes


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02U\x03a\xffbq\x00.",
        b"T\x03\x00\x00\x00a\xffb.",
    ],
)
def test_strings_of_python_2_keep_their_bytes(data):
    value, _ = read_pickle(data, ())
    assert value == "a\xffb" and value.encode("latin-1") == b"a\xffb"
    assert read_pickle(b"S'a\\n\"'\n.", ())[0] == 'a\n"'


def test_consecutive_pickles():
    first, second = pickle.dumps([1]), pickle.dumps({"a": 2})
    data = b"head" + first + second + b"raw bytes"
    value, end = read_pickle(data, (), 4)
    assert (value, end) == ([1], 4 + len(first))
    assert read_pickle(data, (), end) == ({"a": 2}, end + len(second))


@pytest.mark.parametrize("protocol", range(6))
def test_calls_are_described(protocol):
    value = collections.OrderedDict(a=1)
    value.extra = [2]
    data = pickle.dumps(value, protocol)
    call, _ = read_pickle(data, {"collections.OrderedDict"})
    assert call.function == Symbol("collections", "OrderedDict")
    assert call.state == [{"extra": [2]}]
    assert (call.args, call.items) == ((), {"a": 1})

    data = pickle.dumps(collections.deque([1, 2]), protocol)
    call, _ = read_pickle(data, {"collections.deque"})
    assert (call.args, call.elements) == ((), [1, 2])


@pytest.mark.parametrize("protocol", range(5))
def test_an_array(protocol):
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    data = pickle.dumps(array, protocol)
    allowed = {
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "numpy.dtype",
        "_codecs.encode",
    }
    call, _ = read_pickle(data, allowed)
    assert call.function == Symbol("numpy._core.multiarray", "_reconstruct")
    assert call.args[0] == Symbol("numpy", "ndarray")
    _, shape, dtype, fortran, content = call.state[0]
    assert (shape, fortran, dtype.args[0]) == ((2, 3), False, "u1")
    if protocol < 3:
        assert content.function == Symbol("_codecs", "encode")
        content = content.args[0].encode(content.args[1])
    assert content == array.tobytes()


@pytest.mark.parametrize(
    ("data", "args"),
    [
        (b"(I1\nI2\nim\nf\n.", (1, 2)),
        (b"(cm\nf\nI1\nI2\no.", (1, 2)),
        (b"cm\nf\n(I1\nI2\ntR.", (1, 2)),
        (b"cm\nf\n)\x81.", ()),
        (b"\x8c\x01m\x8c\x01f\x93K\x05\x85\x81.", (5,)),
        (b"cm\nf\n)}\x92.", ()),
    ],
)
def test_every_way_to_call(data, args):
    call, _ = read_pickle(data, {"m.f"})
    assert (call.function, call.args) == (Symbol("m", "f"), args)
    assert (call.state, call.items, call.elements) == ([], {}, [])


def test_persistent_ids():
    for data in (b"Pa b\n.", b"X\x03\x00\x00\x00a bQ."):
        value, _ = read_pickle(data, ())
        assert isinstance(value, PersistentId) and value.value == "a b"


def test_the_memo_and_the_stack():
    data = b"\x80\x04]\x94(K\x01K\x02e0h\x00h\x00\x86\x94N0(K\x091200h\x01."
    (first, second), _ = read_pickle(data, ())
    assert first is second and first == [1, 2]
    recursive: list = [5]
    recursive.append(recursive)
    loop, _ = read_pickle(pickle.dumps(recursive), ())
    assert loop[0] == 5 and loop[1] is loop


def test_every_opcode_is_read_or_refused():
    tables = (
        plain_pickle._LITERALS,
        plain_pickle._CONSTANTS,
        plain_pickle._EMPTY,
        plain_pickle._COLLECTED,
        plain_pickle._ACTIONS,
    )
    names = [name for table in tables for name in table]
    outside = {"EXT1", "EXT2", "EXT4", "NEXT_BUFFER", "READONLY_BUFFER"}
    assert len(names) == len(set(names))
    known = {opcode.name for opcode in pickletools.opcodes}
    assert set(names) | outside | {"STOP"} == known


def _payload(marker) -> list[bytes]:
    command = f"touch {marker}".encode()
    argument = b"X" + len(command).to_bytes(4, "little") + command
    short = b"\x8c" + bytes([len(command)]) + command
    system = b"cos\nsystem\n"
    stacked = b"\x80\x04\x8c\x02os\x8c\x06system\x93"
    return [
        system + b"(S'touch " + str(marker).encode() + b"'\ntR.",
        b"(S'touch " + str(marker).encode() + b"'\nios\nsystem\n.",
        b"(" + system + argument + b"o.",
        system + argument + b"\x85\x81.",
        stacked + short + b"\x85R.",
        stacked + short + b"\x85}\x92.",
        b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93" + short + b"\x85R.",
        # A dotted name, which protocol 4 resolves step by step.
        b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    ]


@pytest.mark.parametrize("kind", range(8))
def test_a_hostile_pickle_runs_nothing(tmp_path, kind):
    marker = tmp_path / "ran"
    data = _payload(marker)[kind]
    message = refused(data, {"collections.OrderedDict"})
    assert "is not allowed" in message
    assert not marker.exists()
    if kind == 0:  # the payload is real
        pickle.loads(data)
        assert marker.exists()


def test_allowed_names_are_not_executed(tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(os, "system", lambda *_: pytest.fail("called"))
    call, _ = read_pickle(b"cos\nsystem\n(S'true'\ntR.", {"os.system"})
    assert call.function == Symbol("os", "system") and call.args == ("true",)
    value, _ = read_pickle(b"cevil_module\nf\n.", {"evil_module.f"})
    assert value == Symbol("evil_module", "f") and "evil_module" not in sys.modules


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x82\x01.", "extensions"),
        (b"\x83\x01\x00.", "extensions"),
        (b"\x84\x01\x00\x00\x00.", "extensions"),
        (b"\x97.", "buffers"),
        (b"]\x98.", "buffers"),
        (b"\x80\x06N.", "protocol must be 0 to 5, received 6"),
        (b"K\x01K\x02.", "exactly one value"),
        (b"(K\x01.", "exactly one value"),
        (b".", "exactly one value"),
        (b"N", "exhausted before seeing STOP"),
        (b"", "exhausted before seeing STOP"),
        (b"\xfa.", "unknown"),
        (b"0.", "not on the stack"),
        (b"N(\x86.", "not on the stack"),
        (b"(o.", "not on the stack"),
        (b"1.", "not on the stack"),
        (b"t.", "not on the stack"),
        (b"h\x05.", "not on the stack or in the memo"),
        (b"q\x05.", "not on the stack"),
        (b"}}b.", "only the result of a call takes a state"),
        (b"cm\nf\n}X\x0c\x00\x00\x00__setstate__Nsb.", "takes a state"),
        (b"N(K\x01e.", "only a list takes elements"),
        (b"]K\x01K\x02s.", "only a dict takes keys"),
        (b"](K\x01\x90.", "only a set takes members"),
        (b"}(K\x01u.", "a key has no value"),
        (b"(K\x01d.", "a key has no value"),
        (b"K\x01)R.", "a call must be of a global"),
        (b"cm\nf\n)R)R.", "a call must be of a global"),
        (b"cm\nf\n]R.", "with a tuple"),
        (b"cm\nf\n)}X\x01\x00\x00\x00kNs\x92.", "by keyword"),
        (b"K\x01K\x02\x93.", "named by two strings"),
        (b"}))K\x01ss.", "only a dict takes keys"),
        (b"})K\x01s.", "small plain value"),
        (b"}cm\nf\n)RK\x01s.", "small plain value"),
        (b"(K\x01\x85\x91.", "small plain value"),
        (b"}L" + b"9" * 40 + b"L\nNs.", "small plain value"),
        (b"}X\x01\x04\x00\x00" + b"k" * 1025 + b"Ns.", "small plain value"),
        (b"\x8b\x00\x02\x00\x00" + b"\x7f" * 512 + b".", "at most 2048 bits"),
        (b"S'" + b"x" * 9_000 + b"\n.", "quote"),
        (b"I" + b"x" * 9_000 + b"\n.", "invalid literal"),
        (b"c" + b"x" * 9_000 + b"\ny\n.", "is not allowed"),
    ],
)
def test_unreadable_pickles(data, message):
    assert message in refused(data, {"m.f"})


@pytest.mark.parametrize(
    "opcode", [b"T", b"B", b"X", b"\x8b", b"\x8d", b"\x8e", b"\x96"]
)
def test_a_length_beyond_the_end_allocates_nothing(opcode):
    size = 4 if opcode in (b"T", b"B", b"X", b"\x8b") else 8
    data = opcode + (2**31 - 1).to_bytes(size, "little") + b"abc."
    tracemalloc.start()
    refused(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_bomb_stays_as_small_as_its_file():
    # Each tuple holds the previous one twice: 2^1000 leaves if copied.
    data = b"N" + b"2\x86" * 1000 + b"."
    value, _ = read_pickle(data, ())
    depth = 0
    while value is not None:
        assert value[0] is value[1]
        value, depth = value[0], depth + 1
    assert depth == 1000
    # As a key it would be hashed forever.
    assert "small plain value" in refused(b"}" + data[:-1] + b"Ns.")


def test_deep_nesting_does_not_overflow():
    depth = 100_000
    value, _ = read_pickle(b"N" + b"\x85" * depth + b".", ())
    for _ in range(depth):
        (value,) = value
    assert value is None
    nested = b"]" * depth + b"a" * (depth - 1) + b"."
    assert isinstance(read_pickle(nested, ())[0], list)
    assert "exactly one" in refused(b"(" * depth + b"N.")


@pytest.mark.parametrize("opcode", [b"(", b"\x8f", b"N", b"2"])
def test_the_number_of_opcodes_is_bounded(monkeypatch, opcode):
    monkeypatch.setattr(plain_pickle, "MAX_OPCODES", 100)
    assert read_pickle(b"N" + b"\x85" * 98 + b".", ())[1] == 100
    assert "more than 100 opcodes" in refused(b"N" + opcode * 200 + b".")


def test_damage_is_always_a_pickle_error():
    data = pickle.dumps([PLAIN, np.zeros(3), {1, 2}, b"bytes"], 4)
    allowed = {"numpy._core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"}
    assert read_pickle(data, allowed)[1] == len(data)
    for length in range(0, len(data), 7):
        refused(data[:length], allowed)
    generator, failures = np.random.default_rng(0), 0
    short = pickle.dumps([1.5, "text", (2, None), np.zeros(3), {1: {2}}, b"bytes"], 4)
    for _ in range(3_000):
        damaged = bytearray(short)
        for place in generator.integers(0, len(short), 3):
            damaged[place] = generator.integers(0, 256)
        try:
            read_pickle(bytes(damaged), allowed)
        except PickleError:
            failures += 1
    assert failures > 1_000


def test_descriptions_are_hashed_only_if_cheap():
    assert len({Symbol("m", "f"), Symbol("m", "f"), Symbol("m", "g")}) == 2
    assert Call(Symbol("m", "f"), ()) != Call(Symbol("m", "f"), ())
    with pytest.raises(AttributeError):
        Call(Symbol("m", "f"), ()).args = (1,)
