"""The state from which a run goes on, bit for bit."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import tensorflow as tf

from resnet_tf.errors import CheckpointError

_MANIFEST = "manifest.json"


class RunState:
    """Numbered states in one folder, of which the newest few are kept.

    A state is a folder `step-00000391` with a TensorFlow checkpoint and a
    manifest of its files' SHA-256. It is written under another name, flushed to
    disk and renamed, so a state that is there is whole.

    Args:
        folder: Where the states lie; it holds nothing else.
        keep: States that stay.
        **trackables: What to save, by name.
    """

    def __init__(self, folder: Path, *, keep: int = 2, **trackables: Any):
        self._folder = folder
        self._keep = keep
        self._checkpoint = tf.train.Checkpoint(**trackables)

    def save(self, step: int) -> None:
        """Writes the state of `step` and removes what is too old."""
        final = self._folder / f"step-{step:08d}"
        partial = final.with_name(f"{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        self._checkpoint.write(str(partial / "state"))
        manifest = {path.name: _flushed_sha256(path) for path in partial.iterdir()}
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        _flushed_sha256(partial / _MANIFEST)
        shutil.rmtree(final, ignore_errors=True)
        os.replace(partial, final)
        for old in self._states()[: -self._keep]:
            shutil.rmtree(old)

    def restore(self) -> int:
        """Reads the newest state that is whole into the variables.

        Returns:
            Its step, or 0 if there is no state yet.

        Raises:
            CheckpointError: If there are states, but none of them is whole.
        """
        for leftover in self._folder.glob("step-*.partial"):
            shutil.rmtree(leftover)
        states = self._states()
        for state in reversed(states):
            if not _verified(state):
                print(f"passing over {state}: it is damaged", flush=True)
                continue
            try:
                self._checkpoint.read(str(state / "state")).assert_consumed()
            except (AssertionError, ValueError, tf.errors.OpError) as error:
                reason = " ".join(str(error).split())[:200]
                raise CheckpointError(
                    f"{state} is the state of another run: {reason}"
                ) from error
            return int(state.name.removeprefix("step-"))
        if states:
            raise CheckpointError(
                f"none of the {len(states)} states in {self._folder} is whole; "
                "start anew in another --run_dir"
            )
        return 0

    def _states(self) -> list[Path]:
        return sorted(self._folder.glob("step-????????"))


def _verified(state: Path) -> bool:
    try:
        manifest = json.loads((state / _MANIFEST).read_text())
        return bool(manifest) and all(
            hashlib.sha256((state / name).read_bytes()).hexdigest() == digest
            for name, digest in manifest.items()
        )
    except (OSError, ValueError, AttributeError):
        return False


def _flushed_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()
