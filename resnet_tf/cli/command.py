"""Helpers of all commands: exit codes, `--json_output` and optional packages."""

import errno
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from resnet_tf import streams
from resnet_tf.checkpoints.files import json_text
from resnet_tf.disk import user_path, write_text, writing
from resnet_tf.errors import OutputError, ResnetTfError, SettingError, StoppedError
from resnet_tf.ownership import holds_record, require_own_file
from resnet_tf.training.signals import interrupting

USAGE, STOPPED = 2, 75


def fail(message: str, code: int) -> NoReturn:
    """Prints `message` as one line on stderr and exits with `code`."""
    print(streams.error_line(message), file=sys.stderr, flush=True)
    sys.exit(code)


def guarded(main: Callable[[], None], stopped: str = "stopped") -> None:
    """Calls `main` and reports this package's errors by `fail`, without a traceback.

    Args:
        main: Function that runs the command.
        stopped: Line to print after Ctrl-C or SIGTERM.
    """
    streams.prepare()
    try:
        _ended(main, stopped)
    except SystemExit as end:
        if not end.code:
            _require_output()
        raise
    _require_output()


def _ended(main: Callable[[], None], stopped: str) -> None:
    try:
        with interrupting():
            main()
    except StoppedError as stop:
        print(streams.visible(str(stop)), file=sys.stderr, flush=True)
        sys.exit(stop.exit_code)
    except KeyboardInterrupt:
        print(stopped, file=sys.stderr, flush=True)
        sys.exit(STOPPED)
    except ResnetTfError as error:
        fail(str(error), error.exit_code)


def _require_output() -> None:
    """Exits with an error if stdout failed, except if its reader has exited."""
    error = streams.failure()
    if error is not None and error.errno != errno.EPIPE:
        fail(f"stdout cannot be written: {error.strerror}", OutputError.exit_code)


_REPORT = ("jinja2", "scipy")


def require_report(who: str) -> None:
    """Raises unless the packages for a report are installed.

    Args:
        who: Name of the command or flag that needs them, for the error message.

    Raises:
        SettingError: If a package is missing.
    """
    missing = [name for name in _REPORT if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(
            f"{who} needs {' and '.join(missing)}: pip install 'resnet_tf[report]'"
        )


# The keys of a file that `eval.py` writes; it has no provenance.
_OF_EVALUATION = {"checkpoint", "interval", "per_class_error", "preprocessing"}


def require_json_output(path: str | None) -> None:
    """Raises unless a file can be written to `path`; does nothing if `path` is None.

    Raises:
        OutputError: If the path is a folder or a file of another program, or its folder
            does not exist or is not writable.
        SettingError: If the path is empty.
    """
    if path is None:
        return
    if not path:
        raise SettingError("json_output must not be empty")
    file = user_path(path)
    folder = file.parent
    if os.path.isdir(file) or not os.path.isdir(folder):
        raise OutputError(
            f"json_output must be a file in a folder that exists, received {path}"
        )
    if not os.access(folder, os.W_OK) and not os.path.exists(file):
        raise OutputError(
            f"json_output {path} cannot be written: its folder is read-only"
        )
    require_own_file(file, "json_output", _is_ours)


def write_json_output(path: str | None, record: dict[str, Any]) -> None:
    """Writes the figures; does nothing if `path` is None.

    Raises:
        OutputError: If the file cannot be written, or another program has created it in
            the meantime.
    """
    if path is None:
        return
    file = user_path(path)
    require_own_file(file, "json_output", _is_ours)
    with writing(path, "json_output"):
        # A link or a device is written to, not replaced.
        if file.is_symlink() or (file.exists() and not file.is_file()):
            file.write_text(json_text(record), encoding="utf-8")
        else:
            write_text(file, json_text(record))


def _is_ours(file: Path) -> bool:
    return holds_record(file, _OF_EVALUATION)


def require_finished(code: int, run_dir: Path) -> None:
    """Raises unless the process of a run has finished it.

    Args:
        code: Its exit code, from `apart`; it has printed the reason.
        run_dir: The run folder.

    Raises:
        StoppedError: If a signal stopped it.
        SystemExit: If it failed, with its exit code; with 1 if it was killed.
    """
    if code == STOPPED:
        raise StoppedError(f"stopped in {run_dir}; the same command resumes it", 0)
    if code:
        sys.exit(code if code > 0 else 1)
