import json

import numpy as np
import pytest

from resnet_tf.config import DataConfig
from resnet_tf.data.cache import cached, default_cache_dir, split_folder
from resnet_tf.errors import OutputError


class Source:
    """Counts how often it is decoded."""

    def __init__(self):
        self.decoded = 0
        self.images = np.arange(2 * 32 * 32 * 3, dtype=np.uint8).reshape(2, 32, 32, 3)
        self.labels = np.array([1, 2], np.int32)

    def __call__(self):
        self.decoded += 1
        return self.images, self.labels


@pytest.fixture
def source():
    return Source()


def _check(source, arrays):
    np.testing.assert_array_equal(arrays[0], source.images)
    np.testing.assert_array_equal(arrays[1], source.labels)


def test_the_second_start_reads_a_memory_map(tmp_path, source):
    for _ in range(2):
        arrays = cached(tmp_path / "c", "id", source)
        _check(source, arrays)
        assert isinstance(arrays[0], np.memmap)
    assert source.decoded == 1


def test_a_stale_cache_is_rebuilt(tmp_path, source):
    cached(tmp_path / "c", "old", source)
    _check(source, cached(tmp_path / "c", "new", source))
    assert source.decoded == 2


@pytest.mark.parametrize("name", ["images.npy", "labels.npy", "cache.json"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "empty"])
def test_a_damaged_cache_is_rebuilt(tmp_path, source, name, harm):
    cached(tmp_path / "c", "id", source)
    path = tmp_path / "c" / name
    content = bytearray(path.read_bytes())
    if harm == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes({"flip": content, "cut": content[:-9], "empty": b""}[harm])
    for _ in range(2):
        _check(source, cached(tmp_path / "c", "id", source))
    assert source.decoded == 2


@pytest.mark.parametrize(
    "content", ["[]", "3", "{}", '{"identity": "id", "sha256": 1}']
)
def test_a_foreign_description_is_rebuilt(tmp_path, source, content):
    cached(tmp_path / "c", "id", source)
    (tmp_path / "c" / "cache.json").write_text(content)
    _check(source, cached(tmp_path / "c", "id", source))
    assert source.decoded == 2


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path, source):
    (tmp_path / "file").write_text("")
    _check(source, cached(tmp_path / "file" / "c", "id", source))


def test_no_other_files_are_left(tmp_path, source):
    cached(tmp_path / "c", "id", source)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    stored = json.loads((tmp_path / "c" / "cache.json").read_text())
    assert stored["identity"] == "id"


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "resnet_tf"


def listing(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*.*")}


@pytest.mark.parametrize(
    "names",
    [
        ["labels.txt", "cat/1.png"],
        ["images.npy", "labels.npy"],
        ["cache.json"],
        ["CACHEDIR.TAG"],
        [".hidden"],
    ],
)
def test_a_folder_of_the_user_stays(tmp_path, source, names):
    for name in names:
        (tmp_path / "c" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "c" / name).write_text('{"of": "the user"}')
    before = listing(tmp_path)
    with pytest.raises(OutputError, match="which holds") as caught:
        cached(tmp_path / "c", "id", source)
    assert sorted(names)[0].split("/")[0] in str(caught.value)
    assert caught.value.exit_code == 6
    assert listing(tmp_path) == before
    assert source.decoded == 0


def test_a_file_of_the_user_stays(tmp_path, source):
    (tmp_path / "c").write_text("mine")
    with pytest.raises(OutputError, match="cache folder must be a folder"):
        cached(tmp_path / "c", "id", source)
    assert (tmp_path / "c").read_text() == "mine"


def test_a_file_of_the_user_in_a_cache_stays(tmp_path, source):
    cached(tmp_path / "c", "old", source)
    (tmp_path / "c" / "thesis.txt").write_text("mine")
    before = listing(tmp_path)
    with pytest.raises(OutputError, match="thesis.txt"):
        cached(tmp_path / "c", "new", source)
    assert listing(tmp_path) == before


def test_an_empty_folder_and_a_link_are_used(tmp_path, source):
    (tmp_path / "empty").mkdir()
    (tmp_path / "c").symlink_to(tmp_path / "empty")
    for _ in range(2):
        _check(source, cached(tmp_path / "c", "id", source))
    assert source.decoded == 1
    assert (tmp_path / "c").is_symlink()


def test_a_cache_of_earlier_versions_has_no_tag(tmp_path, source):
    cached(tmp_path / "c", "old", source)
    (tmp_path / "c" / "CACHEDIR.TAG").unlink()
    _check(source, cached(tmp_path / "c", "new", source))
    assert (tmp_path / "c" / "CACHEDIR.TAG").exists()


@pytest.mark.parametrize("place", ["", "sub"])
def test_a_cache_is_refused_among_the_images_of_the_user(tmp_path, place):
    config = DataConfig(
        dataset="folder",
        data_dir=str(tmp_path),
        cache_dir=str(tmp_path / place),
        validation_size=0,
    )
    rule = "cache_dir must lie outside data_dir"
    with pytest.raises(OutputError, match=rule):
        split_folder(config, test=False)
