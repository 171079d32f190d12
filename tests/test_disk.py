import errno
import os
import resource
import socket

import pytest

from resnet_tf import disk
from resnet_tf.disk import open_regular
from resnet_tf.errors import OutputError


@pytest.fixture
def old(tmp_path):
    """Returns two files to replace."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("old")
    return paths


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_are_replaced_together(old, tmp_path):
    with disk.replacing(*old) as new:
        assert [path.name for path in new] == ["partial.a", "partial.b"]
        for path in new:
            path.write_text("new")
        assert [path.read_text() for path in old] == ["old", "old"]
    assert [path.read_text() for path in old] == ["new", "new"]
    assert names(tmp_path) == ["a", "b"]


def test_everything_is_flushed_before_a_file_is_renamed(old, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(disk, "flush", lambda path: calls.append(path.name))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: calls.append("->") or replace(a, b))
    with disk.replacing(*old) as new:
        for path in new:
            path.write_text("new")
    assert calls == ["partial.a", "partial.b", "->", "->", tmp_path.name]


def test_a_failure_keeps_the_old_files(old, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        disk.write_text(old[0], "new")
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError), disk.replacing(*old) as new:
        new[0].write_text("new")
    assert [path.read_text() for path in old] == ["old", "old"]
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("room", range(0, 12, 3))
def test_an_interrupted_write_keeps_the_old_file(old, tmp_path, room):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            disk.write_text(old[0], "twelve bytes")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert old[0].read_text() == "old"
    assert names(tmp_path) == ["a", "b"]


def test_sha256(tmp_path):
    (tmp_path / "empty").touch()
    assert disk.sha256(tmp_path / "empty").startswith("e3b0c44298fc1c14")


@pytest.mark.parametrize("name", ["", "a", "a/b"])
def test_an_existing_or_possible_folder(tmp_path, name):
    disk.require_folder(tmp_path / name)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["a", "a/b/c"])
def test_an_impossible_folder(old, tmp_path, name):
    rule = f"report must be a folder, received {tmp_path / name}"
    with pytest.raises(OutputError, match=f"^{rule}$"):
        disk.require_folder(tmp_path / name, "report")


def test_a_read_only_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    rule = f"output {tmp_path / 'a'} cannot be written: {tmp_path} is read-only"
    with pytest.raises(OutputError, match=f"^{rule}$"):
        disk.require_folder(tmp_path / "a")


def test_only_a_regular_file_is_opened(tmp_path):
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    (tmp_path / "link").symlink_to("x")
    for name in ("x", "link"):
        with open_regular(tmp_path / name) as opened:
            assert opened.read() == b"abc"
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "to_pipe").symlink_to("pipe")
    for name in ("pipe", "socket", "to_pipe", "/dev/zero"):
        with pytest.raises(OSError, match="it is not a regular file"):
            open_regular(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "missing")


def test_a_file_of_the_user_is_never_overwritten(old, tmp_path):
    (tmp_path / "partial.a").write_text("mine")
    disk.write_text(old[0], "new")
    assert (tmp_path / "partial.a").read_text() == "mine"
    assert old[0].read_text() == "new"
    assert names(tmp_path) == ["a", "b", "partial.a"]
