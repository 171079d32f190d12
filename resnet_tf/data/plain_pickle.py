"""A reader of pickles as data: it imports, calls and executes nothing.

A small machine interprets the opcodes that the standard library disassembles. It builds
plain containers. Imports, calls and outside references of a pickle become descriptions,
which the caller compares with its expectations.
"""

import io
import pickletools
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

# An opcode makes at most one object, one memo entry or one level of marks, so this
# limits all of them. A CIFAR-100 file or a network of 1,202 layers has a fifth of it.
MAX_OPCODES = 1_000_000
_MAX_INT_BITS = 2048
_MAX_KEY_BITS, _MAX_KEY_LENGTH = 64, 1024
_MAX_NAME_LENGTH = 256

# Modules and builtins that reach the system. Data does not need them, so a pickle that
# names one is treated as an attack: it is refused even if any other name is allowed.
_ATTACKS = frozenset(
    "os posix nt subprocess sys shutil socket pty commands importlib imp zipimport "
    "runpy code codeop pdb bdb timeit cProfile profile trace marshal pickle _pickle "
    "ctypes _ctypes multiprocessing asyncio webbrowser http urllib urllib2 httplib "
    "requests ftplib smtplib io _io pip pydoc doctest".split()
)
_ATTACKING_BUILTINS = frozenset(
    "eval exec execfile compile open file input raw_input __import__ breakpoint "
    "globals locals vars setattr delattr apply map reduce filter exit quit".split()
)


class PickleError(ValueError):
    """A pickle is damaged, too large, or names a global that is not allowed."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A class or function named in the pickle; it is never imported."""

    module: str
    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Call:
    """A call described in the pickle; it is never made.

    Attributes:
        function: The callee: a `Symbol` or, if any name is allowed, also the result of
            another call or a `PersistentId`.
        args: Arguments of the call.
        state: Values to restore the state of the result (BUILD), in order.
        items: Values to set in the result by key (SETITEMS).
        elements: Values to append to the result (APPENDS).
    """

    function: object
    args: tuple
    state: list = field(init=False, default_factory=list)
    items: dict = field(init=False, default_factory=dict)
    elements: list = field(init=False, default_factory=list)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PersistentId:
    """A reference to an object outside the pickle."""

    value: object


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OddKey:
    """A key or set member that is never hashed, e.g. a tuple."""

    value: object


def read_pickle(
    data: bytes, allowed: Collection[str] | None, start: int = 0
) -> tuple[object, int]:
    """Returns the value of the pickle that begins at `start`, and the index of its end.

    Reads protocols 0 to 5. The value consists of None, bool, int, float, str, bytes,
    list, tuple, dict, set, frozenset, `Symbol`, `Call` and `PersistentId`. Strings of
    Python 2 become str with one character per byte (`encode("latin-1")` returns the
    bytes); a bytearray becomes bytes. An object that the pickle stores once is one
    object however often it occurs, so a walk over the value must remember visited
    objects. The value can be nested deeper than Python's recursion limit.

    Args:
        data: One pickle or several consecutive pickles.
        allowed: The "module.name" of each allowed global; None allows all except those
            that reach the system, e.g. "os.system".
        start: Index of the pickle's first byte.

    Raises:
        PickleError: With a one-line message, if the pickle is damaged, names a global
            that is not allowed, uses an unsupported feature, sets a key of a dict
            twice, or has more than `MAX_OPCODES` opcodes.
    """
    stream = io.BytesIO(data)
    stream.seek(start)
    machine = _Machine(None if allowed is None else frozenset(allowed))
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if count >= MAX_OPCODES:
                raise PickleError(f"it has more than {MAX_OPCODES} opcodes")
            if opcode.name != "STOP":
                machine.step(opcode.name, argument)
        return machine.result(), stream.tell()
    except (IndexError, KeyError):
        reason = "it uses a value that is not on the stack or in the memo"
    except ValueError as error:
        # The disassembler's message can quote much of the file.
        reason = str(error)[:160]
    raise PickleError(f"pickle refused near byte {stream.tell()}: {reason}")


class _Machine:
    """The stack and memo during the reading of a pickle."""

    def __init__(self, allowed: frozenset[str] | None):
        self._allowed = allowed
        self._stack: list = []
        # The stacks below the open marks; no opcode reaches through a mark.
        self._below: list[list] = []
        self._memo: dict[int, object] = {}

    def step(self, name: str, argument: object) -> None:
        """Interprets one opcode."""
        if name in _LITERALS:
            self._stack.append(_literal(argument))
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _COLLECTED:
            collected = _COLLECTED[name](self._marked())
            self._stack.append(collected)
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise PickleError("extensions and buffers from outside are not read")

    def result(self) -> object:
        if len(self._stack) != 1 or self._below:
            raise PickleError("it must leave exactly one value")
        return self._stack[0]

    def _marked(self) -> list:
        """Pops the last mark and returns the items above it."""
        items, self._stack = self._stack, self._below.pop()
        return items

    def _protocol(self, number: int) -> None:
        if number > 5:
            raise PickleError(f"protocol must be 0 to 5, received {number}")

    def _frame(self, _) -> None:
        pass

    def _mark(self, _) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _pop(self, _) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _) -> None:
        self._marked()

    def _dup(self, _) -> None:
        self._stack.append(self._stack[-1])

    def _put(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def _memoize(self, _) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _get(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def _tuple1(self, _) -> None:
        self._stack.append((self._stack.pop(),))

    def _tuple2(self, _) -> None:
        second, first = self._stack.pop(), self._stack.pop()
        self._stack.append((first, second))

    def _tuple3(self, _) -> None:
        third, second, first = (self._stack.pop() for _ in range(3))
        self._stack.append((first, second, third))

    def _append(self, _) -> None:
        self._extend([self._stack.pop()])

    def _appends(self, _) -> None:
        self._extend(self._marked())

    def _extend(self, items: list) -> None:
        target = self._stack[-1]
        if isinstance(target, Call):
            target = target.elements
        if not isinstance(target, list):
            raise PickleError("only a list takes elements")
        target.extend(items)

    def _setitem(self, _) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._update([key, value])

    def _setitems(self, _) -> None:
        self._update(self._marked())

    def _update(self, items: list) -> None:
        target = self._stack[-1]
        if isinstance(target, Call):
            target = target.items
        if not isinstance(target, dict):
            raise PickleError("only a dict takes keys")
        for key, value in self._pairs(items):
            if key in target:
                raise PickleError(f"the key {key!r:.80} must occur once")
            target[key] = value

    def _dict(self, _) -> None:
        items = self._marked()
        self._stack.append({})
        self._update(items)

    def _frozenset(self, _) -> None:
        members = frozenset(self._keys(self._marked()))
        self._stack.append(members)

    def _additems(self, _) -> None:
        items, target = self._marked(), self._stack[-1]
        if not isinstance(target, set):
            raise PickleError("only a set takes members")
        target.update(self._keys(items))

    def _pairs(self, items: list) -> Iterable[tuple[object, object]]:
        """Returns (key, value) pairs from alternating keys and values."""
        if len(items) % 2:
            raise PickleError("a key has no value")
        return zip(self._keys(items[::2]), items[1::2], strict=True)

    def _keys(self, items: list) -> list:
        """Returns the items as keys that are fast to hash and compare.

        The hash of a tuple of tuples can take forever or overflow the C stack. Bytes
        that Python 3 wrote as a call in an old protocol become bytes again.
        """
        items = list(map(_bytes_again, items))
        if self._allowed is None:
            return [item if _is_small(item) else OddKey(item) for item in items]
        if not all(map(_is_small, items)):
            raise PickleError("a key or a member of a set must be a small plain value")
        return items

    def _global(self, argument: str) -> None:
        self._stack.append(self._symbol(*argument.split(" ", 1)))

    def _stack_global(self, _) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(self._symbol(module, name))

    def _symbol(self, module: object, name: object) -> Symbol:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise PickleError("a global must be named by two strings")
        if not self._allows(module, name):
            full = f"{module[:80]}.{name[:80]}"[:80]
            raise PickleError(f"global {full!r} is not allowed")
        return Symbol(module, name)

    def _allows(self, module: str, name: str) -> bool:
        if max(len(module), len(name)) > _MAX_NAME_LENGTH:
            return False
        if self._allowed is None:
            return not _attacks(module, name)
        return f"{module}.{name}" in self._allowed

    def _inst(self, argument: str) -> None:
        function = self._symbol(*argument.split(" ", 1))
        self._call(function, tuple(self._marked()))

    def _obj(self, _) -> None:
        items = self._marked()
        self._call(items[0], tuple(items[1:]))

    def _reduce(self, _) -> None:
        args, function = self._stack.pop(), self._stack.pop()
        self._call(function, args)

    def _newobj_ex(self, _) -> None:
        if (keywords := self._stack.pop()) != {}:
            if self._allowed is not None or not isinstance(keywords, dict):
                raise PickleError("a call by keyword is not read")
        self._reduce(None)

    def _call(self, function: object, args: object) -> None:
        known = isinstance(function, Symbol) or self._allowed is None
        if not known or not isinstance(args, tuple):
            raise PickleError("a call must be of a global, with a tuple")
        self._stack.append(Call(function, args))

    def _build(self, _) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, Call):
            raise PickleError("only the result of a call takes a state")
        target.state.append(state)

    def _persid(self, argument: str) -> None:
        self._stack.append(PersistentId(argument))

    def _binpersid(self, _) -> None:
        self._stack.append(PersistentId(self._stack.pop()))


def _bytes_again(value: object) -> object:
    """Returns the bytes that a short call of `_codecs.encode` describes."""
    match value:
        case Call(Symbol("_codecs", "encode"), (str(text), "latin1")):
            if len(text) <= _MAX_KEY_LENGTH and max(text, default="") <= "\xff":
                return text.encode("latin-1")
    return value


def _literal(value: object) -> object:
    """Returns the argument of an opcode; raises if an int is too large."""
    if isinstance(value, int) and value.bit_length() > _MAX_INT_BITS:
        raise PickleError(f"an int must have at most {_MAX_INT_BITS} bits")
    return bytes(value) if isinstance(value, bytearray) else value


def _is_small(key: object) -> bool:
    """Returns whether a key is fast to hash and compare."""
    if isinstance(key, str | bytes):
        return len(key) <= _MAX_KEY_LENGTH
    if isinstance(key, int):
        return key.bit_length() <= _MAX_KEY_BITS
    return isinstance(key, None | float | Symbol)


def _attacks(module: str, name: str) -> bool:
    """Returns whether a global reaches the system."""
    if module in ("builtins", "__builtin__"):
        return name.partition(".")[0] in _ATTACKING_BUILTINS
    return module.partition(".")[0] in _ATTACKS


_LITERALS = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8".split()
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY = {f"EMPTY_{kind.__name__.upper()}": kind for kind in (list, tuple, dict, set)}
_COLLECTED: dict[str, Callable[[list], object]] = {"LIST": list, "TUPLE": tuple}
_ACTIONS = {
    "PROTO": _Machine._protocol,
    "FRAME": _Machine._frame,
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": _Machine._dup,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._memoize,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "TUPLE1": _Machine._tuple1,
    "TUPLE2": _Machine._tuple2,
    "TUPLE3": _Machine._tuple3,
    "DICT": _Machine._dict,
    "FROZENSET": _Machine._frozenset,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._setitem,
    "SETITEMS": _Machine._setitems,
    "ADDITEMS": _Machine._additems,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "INST": _Machine._inst,
    "OBJ": _Machine._obj,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._reduce,
    "NEWOBJ_EX": _Machine._newobj_ex,
    "BUILD": _Machine._build,
    "PERSID": _Machine._persid,
    "BINPERSID": _Machine._binpersid,
}
