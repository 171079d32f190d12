"""The saved state from which a run resumes, bit for bit."""

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
# A file in a state; TensorFlow appends to the names of its temporary files.
_FILE = re.compile(
    rf"({re.escape(PARTIAL)}.*)?({_MANIFEST}|{_NOTES})|{_VARIABLES}[._].*"
)
# A state has up to six numbers for each parameter: the weight (twice), AdamW's two
# moments, Lookahead's slow weight and the average. That is 12 GB for the largest
# network that `config.size` allows.
_MAX_BYTES = 12 << 30


class RunState:
    """Numbered states in one folder; the newest few are kept.

    A state is a folder `step-00000391` with a TensorFlow checkpoint, notes, and a
    manifest with the SHA-256 of each file. It is written under another name, flushed
    to disk and renamed, so a kill leaves no incomplete state under the final name.

    Args:
        folder: The folder of the states; it holds nothing else.
        keep: Number of whole states to keep, at least 1.
        **trackables: The objects to save, by name.

    Attributes:
        newest: The state that was saved or restored last, or None.
        notes: The notes of that state.
    """

    def __init__(self, folder: Path, *, keep: int = 2, **trackables: Any):
        self.newest: Path | None = None
        self.notes: dict[str, Any] = {}
        self._folder = folder
        self._keep = keep
        self._checkpoint = tf.train.Checkpoint(**trackables)

    def save(self, step: int, **notes: Any) -> None:
        """Writes the state of `step`, unless it exists, and removes old states.

        Args:
            step: Updates done.
            **notes: JSON values to save with it.

        Raises:
            OSError: If it cannot be written; earlier states stay.
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
        """Reads the newest whole state into the variables.

        Args:
            tidy: Whether to remove states that a kill left half written; exactly one
                of several processes should.

        Returns:
            The step of the state, or 0 if there is none.

        Raises:
            CheckpointError: If there are states, but none is whole.
        """
        for leftover in self._folder.glob("step-*.partial") if tidy else ():
            if _NAME.fullmatch(leftover.stem):
                with contextlib.suppress(OSError):
                    _remove(leftover)
        found = states(self._folder)
        reason = ""
        for state in reversed(found):
            if reason := fault(state):
                print(f"skipping {state}: {reason}", flush=True)
                continue
            self._read(state)
            self.newest = state
            return step_of(state)
        if found:
            raise CheckpointError(
                f"none of the {len(found)} states in {self._folder} is whole "
                f"({found[0].name}: {reason}); start again in another --run_dir"
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
        """Removes all states that are older than the newest `keep` whole ones."""
        found = states(self._folder)
        kept = [state for state in found if not fault(state)][-self._keep :]
        for old in found[: found.index(kept[0])] if kept else ():
            with contextlib.suppress(OSError):
                _remove(old)


def _remove(state: Path) -> None:
    """Removes a state if it exists.

    Raises:
        OSError: If the folder holds another file, which stays.
    """
    if not state.is_dir():
        return
    for path in state.iterdir():
        if not _FILE.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)  # a temporary folder of TensorFlow
        else:
            path.unlink()
    state.rmdir()


def states(folder: Path) -> list[Path]:
    """Returns the states in a folder, oldest first; some may be damaged."""
    found = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def step_of(state: Path) -> int:
    """Returns the step of a state."""
    return int(state.name.removeprefix("step-"))


def fault(state: Path) -> str:
    """Returns the reason why a state is not whole, or "" if it is whole."""
    try:
        manifest = read_json(state / _MANIFEST)
        found = {path.name for path in state.iterdir()} - {_MANIFEST}
        if missing := sorted(manifest.keys() - found):
            return f"{missing[0]} is missing"
        if unknown := sorted(found - manifest.keys()):
            return f"{_MANIFEST} does not name {unknown[0]}"
        for name, digest in manifest.items():
            if file_sha256(state / name, _MAX_BYTES) != digest:
                return f"{name} does not have the SHA-256 in {_MANIFEST}"
    except CheckpointError as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    return "" if manifest else f"{_MANIFEST} is empty"


def hashes(state: Path) -> dict[str, str]:
    """Returns the SHA-256 of each variable in a state, by the name of the variable.

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
