"""The state from which a run goes on, bit for bit."""

import contextlib
import errno
import hashlib
import re
import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from resnet_tf.checkpoints.files import file_sha256, json_text, read_json
from resnet_tf.disk import PARTIAL, flush, sha256, write_text
from resnet_tf.errors import CheckpointError

_MANIFEST, _NOTES, _VARIABLES = "manifest.json", "notes.json", "state"
_NAME = re.compile(r"step-(\d{8,})")
# A file in a state; TensorFlow's temporary ones have more behind the name.
_FILE = re.compile(
    rf"({re.escape(PARTIAL)}.*)?({_MANIFEST}|{_NOTES})|{_VARIABLES}[._].*"
)
# The state of AdamW: three numbers for each parameter of the largest network of
# `config.size` are 6 GB.
_MAX_BYTES = 8 << 30


class RunState:
    """Numbered states in one folder, of which the newest few are kept.

    A state is a folder `step-00000391` with a TensorFlow checkpoint, some notes and
    a manifest of its files' SHA-256. It is written under another name, flushed to
    disk and renamed, so a state that is there is whole.

    Args:
        folder: Where the states lie; it holds nothing else.
        keep: Whole states that stay, at least 1.
        **trackables: What to save, by name.

    Attributes:
        newest: The state that was saved or restored last, or None.
        notes: What was noted in it.
    """

    def __init__(self, folder: Path, *, keep: int = 2, **trackables: Any):
        self.newest: Path | None = None
        self.notes: dict[str, Any] = {}
        self._folder = folder
        self._keep = keep
        self._checkpoint = tf.train.Checkpoint(**trackables)

    def save(self, step: int, **notes: Any) -> None:
        """Writes the state of `step`, unless it is there, and removes what is too old.

        Args:
            step: Updates done.
            **notes: JSON values that belong to it.

        Raises:
            OSError: If it cannot be written; those that were there stay.
        """
        final = self._folder / f"step-{step:08d}"
        if not final.exists() or fault(final):
            partial = final.with_name(f"{final.name}.partial")
            try:
                self._write(partial, notes)
                _remove(final)
                partial.rename(final)
            except BaseException:
                with contextlib.suppress(OSError):
                    _remove(partial)
                raise
            flush(self._folder)
        self.newest, self.notes = final, notes
        self._remove_old()

    def restore(self, tidy: bool = True) -> int:
        """Reads the newest state that is whole into the variables.

        Args:
            tidy: Whether to remove what a kill left half written; of several
                processes that read, one should.

        Returns:
            Its step, or 0 if there is no state yet.

        Raises:
            CheckpointError: If there are states, but none of them is whole.
        """
        for leftover in self._folder.glob("step-*.partial") if tidy else ():
            if _NAME.fullmatch(leftover.stem):
                with contextlib.suppress(OSError):
                    _remove(leftover)
        found = states(self._folder)
        reason = ""
        for state in reversed(found):
            if reason := fault(state):
                print(f"passing over {state}: {reason}", flush=True)
                continue
            self._read(state)
            self.newest = state
            return step_of(state)
        if found:
            raise CheckpointError(
                f"none of the {len(found)} states in {self._folder} is whole "
                f"({found[0].name}: {reason}); start anew in another --run_dir"
            )
        return 0

    def _write(self, folder: Path, notes: dict[str, Any]) -> None:
        _remove(folder)
        folder.mkdir(parents=True)
        flush(self._folder.parent)
        try:
            self._checkpoint.write(str(folder / _VARIABLES))
        except tf.errors.OpError as error:
            raise OSError(errno.EIO, " ".join(error.message.split())) from error
        write_text(folder / _NOTES, json_text(notes))
        files = sorted(folder.iterdir())
        for file in files:
            flush(file)
        manifest = {file.name: sha256(file) for file in files}
        write_text(folder / _MANIFEST, json_text(manifest))

    def _read(self, state: Path) -> None:
        try:
            self._checkpoint.read(str(state / _VARIABLES)).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            reason = " ".join(str(error).split())[:200]
            raise CheckpointError(
                f"{state} is the state of another run: {reason}"
            ) from error
        # States of earlier versions have no notes.
        notes = state / _NOTES
        self.notes = read_json(notes) if notes.exists() else {}

    def _remove_old(self) -> None:
        """Removes what is older than the newest `keep` states that are whole."""
        found = states(self._folder)
        kept = [state for state in found if not fault(state)][-self._keep :]
        for old in found[: found.index(kept[0])] if kept else ():
            with contextlib.suppress(OSError):
                _remove(old)


def _remove(state: Path) -> None:
    """Removes a state, if there is one.

    Raises:
        OSError: If it holds a file that is not of a state; that stays.
    """
    if not state.is_dir():
        return
    for path in state.iterdir():
        if not _FILE.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)  # TensorFlow's, while it writes
        else:
            path.unlink()
    state.rmdir()


def states(folder: Path) -> list[Path]:
    """Returns the states in a folder, oldest first, whole or not."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def step_of(state: Path) -> int:
    """Returns the step of a state."""
    return int(_NAME.fullmatch(state.name)[1])


def fault(state: Path) -> str:
    """Returns why a state is not whole, or "" if it is."""
    try:
        manifest = read_json(state / _MANIFEST)
        found = {path.name for path in state.iterdir()} - {_MANIFEST}
        if missing := sorted(manifest.keys() - found):
            return f"{missing[0]} is missing"
        if unknown := sorted(found - manifest.keys()):
            return f"{_MANIFEST} does not name {unknown[0]}"
        for name, digest in manifest.items():
            if file_sha256(state / name, _MAX_BYTES) != digest:
                return f"{name} has not the SHA-256 that {_MANIFEST} states"
    except CheckpointError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return "" if manifest else f"{_MANIFEST} is empty"


def hashes(state: Path) -> dict[str, str]:
    """Returns the SHA-256 of the bytes of every variable in a state, by its name.

    Raises:
        CheckpointError: If the state is not whole.
    """
    if reason := fault(state):
        raise CheckpointError(f"{state}: {reason}")
    reader = tf.train.load_checkpoint(str(state / _VARIABLES))
    return {
        name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE"): hashlib.sha256(
            reader.get_tensor(name).tobytes()
        ).hexdigest()
        for name in sorted(reader.get_variable_to_shape_map())
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH"
    }
