import gzip
import io
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from resnet_tf.data import cifar_files
from resnet_tf.data.cifar_files import decode, find, half_extracted, identity
from resnet_tf.errors import DataError

TRAIN, TEST = 20, 6
VERSIONS = {
    "cifar10": ("cifar-10-batches-py", "cifar-10-batches-bin"),
    "cifar100": ("cifar-100-python", "cifar-100-binary"),
}
ARCHIVES = {
    "cifar-10-batches-py": "cifar-10-python.tar.gz",
    "cifar-10-batches-bin": "cifar-10-binary.tar.gz",
    "cifar-100-python": "cifar-100-python.tar.gz",
    "cifar-100-binary": "cifar-100-binary.tar.gz",
}
FOLDERS = [(dataset, folder) for dataset in VERSIONS for folder in VERSIONS[dataset]]


@pytest.fixture(autouse=True)
def seeded(monkeypatch):
    """Uses four images per batch; nothing here uses Keras."""
    monkeypatch.setattr(cifar_files, "NUM_TRAIN", TRAIN)
    monkeypatch.setattr(cifar_files, "NUM_TEST", TEST)


def images_and_labels(dataset: str, test: bool):
    """Returns images (N, 32, 32, 3) and labels without repetition."""
    count = TEST if test else TRAIN
    images = np.random.default_rng(test).integers(0, 256, (count, 32, 32, 3))
    labels = (np.arange(count) * 7 + test) % (10 if dataset == "cifar10" else 100)
    return images.astype(np.uint8), labels.astype(np.int32)


def python_2(value) -> bytes:
    """Returns the opcodes of Python 2 for a value in protocol 2."""
    if isinstance(value, str):
        return b"T" + struct.pack("<i", len(value)) + value.encode("latin-1")
    if isinstance(value, int):
        return b"M" + struct.pack("<H", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(python_2, value)) + b"e"
    if isinstance(value, dict):
        pairs = (python_2(key) + python_2(item) for key, item in value.items())
        return b"}(" + b"".join(pairs) + b"u"
    empty = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    )
    kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    kind += b"J\xff\xff\xff\xffK\x00tb"
    rows, columns = value.shape
    shape = python_2(rows) + python_2(columns) + b"\x86"
    content = python_2(value.tobytes().decode("latin-1"))
    return empty + b"(K\x01" + shape + kind + b"\x89" + content + b"tb"


def batch(dataset: str, images, labels, name: str) -> dict:
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), 3072)
    fine, coarse = labels.tolist(), (labels // 5).tolist()
    keys = {"labels": fine}
    if dataset == "cifar100":
        keys = {"fine_labels": fine, "coarse_labels": coarse}
    return {"filenames": ["a.png"] * len(labels), "data": planes, **keys} | (
        {"batch_label": name}
    )


def content(dataset: str, binary: bool, images, labels, name: str) -> bytes:
    if not binary:
        return b"\x80\x02" + python_2(batch(dataset, images, labels, name)) + b"."
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), 3072)
    columns = [labels[:, np.newaxis], planes]
    if dataset == "cifar100":
        columns.insert(0, labels[:, np.newaxis] // 5)
    return np.hstack(columns).astype(np.uint8).tobytes()


def write_folder(root: Path, folder: str) -> Path:
    """Writes the files of one official version and returns the folder."""
    dataset = next(name for name in VERSIONS if folder in VERSIONS[name])
    binary = folder.startswith("cifar-10-batches-bin") or folder.endswith("binary")
    path = root / folder
    path.mkdir(parents=True)
    images, labels = images_and_labels(dataset, test=False)
    if dataset == "cifar10":
        names, count = [f"data_batch_{number}" for number in range(1, 6)], 4
    else:
        names, count = ["train"], TRAIN
    for index, name in enumerate(names):
        part = slice(index * count, (index + 1) * count)
        title = f"training batch {index + 1} of {len(names)}"
        file = path / (f"{name}.bin" if binary else name)
        file.write_bytes(content(dataset, binary, images[part], labels[part], title))
    name = ("test_batch" if dataset == "cifar10" else "test") + ".bin" * binary
    file = content(
        dataset, binary, *images_and_labels(dataset, test=True), "testing batch 1 of 1"
    )
    (path / name).write_bytes(file)
    (path / "readme.html").write_text("read me")
    return path


def pack(folder: Path, reverse: bool = False) -> Path:
    """Replaces a folder by its archive, which it returns."""
    path = folder.parent / ARCHIVES[folder.name]
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name, recursive=False)
        for file in sorted(folder.iterdir(), reverse=reverse):
            archive.add(file, f"{folder.name}/{file.name}")
            file.unlink()
    folder.rmdir()
    return path


def archive_of(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, data in members:
            archive.addfile(member, io.BytesIO(data))
    return path


def member(name: str, data: bytes = b"", **attributes) -> tuple:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, data


def check(dataset: str, path: Path) -> None:
    for test in (False, True):
        images, labels = decode(dataset, path, test)
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
        expected = images_and_labels(dataset, test)
        np.testing.assert_array_equal(images, expected[0])
        np.testing.assert_array_equal(labels, expected[1])


def refused(dataset: str, path: Path, test: bool = True) -> str:
    with pytest.raises(DataError) as caught:
        decode(dataset, path, test)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message and len(message) < 600
    return message


@pytest.mark.parametrize(("dataset", "folder"), FOLDERS)
def test_a_folder_is_found_and_decoded(tmp_path, dataset, folder):
    path = write_folder(tmp_path, folder)
    assert find(dataset, path) == find(dataset, tmp_path) == path
    other = "cifar100" if dataset == "cifar10" else "cifar10"
    assert find(other, path) is find(other, tmp_path) is None
    check(dataset, path)
    renamed = path.rename(tmp_path / "mine")
    assert find(dataset, renamed) == renamed
    assert find(dataset, tmp_path) is None
    check(dataset, renamed)


@pytest.mark.parametrize(("dataset", "folder"), FOLDERS)
@pytest.mark.parametrize("reverse", [False, True])
def test_an_archive_is_found_and_decoded(tmp_path, dataset, folder, reverse):
    path = pack(write_folder(tmp_path, folder), reverse)
    assert find(dataset, path) == find(dataset, tmp_path) == path
    check(dataset, path)
    assert [file.name for file in tmp_path.iterdir()] == [ARCHIVES[folder]]


def test_missing_files_are_not_found(tmp_path, monkeypatch):
    assert find("cifar10", tmp_path) is find("cifar10", tmp_path / "none") is None
    (tmp_path / "test").write_bytes(b"")
    (tmp_path / "train").mkdir()
    assert find("cifar100", tmp_path) is None
    write_folder(tmp_path, "cifar-10-batches-py")
    monkeypatch.chdir(tmp_path / "cifar-10-batches-py")
    Path("data_batch_1").unlink()
    assert find("cifar10", Path()) == Path()


def test_a_file_that_is_not_an_official_archive(tmp_path):
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_bytes(b"")
    with pytest.raises(DataError, match="data_dir must be a folder or cifar-10-python"):
        find("cifar10", path)


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("keys", [str, str.encode])
def test_batches_written_by_python_3(tmp_path, protocol, keys):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    images, labels = images_and_labels("cifar10", test=True)
    written = batch("cifar10", images, labels, "testing batch 1 of 1")
    if protocol > 2:
        written = {keys(key): value for key, value in written.items()}
    (path / "test_batch").write_bytes(pickle.dumps(written, protocol))
    check("cifar10", path)
    written = {**written, keys("data") if protocol > 2 else "data": images}
    (path / "test_batch").write_bytes(pickle.dumps(written, protocol))
    assert "must hold data as an array of two dimensions" in refused("cifar10", path)


def test_arrays_in_fortran_order(tmp_path):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    images, labels = images_and_labels("cifar10", test=True)
    written = batch("cifar10", images, labels, "testing batch 1 of 1")
    written["data"] = np.asfortranarray(written["data"])
    (path / "test_batch").write_bytes(pickle.dumps(written, 4))
    check("cifar10", path)


def changed(**changes) -> bytes:
    images, labels = images_and_labels("cifar10", test=True)
    written = batch("cifar10", images, labels, "testing batch 1 of 1") | changes
    return pickle.dumps({k: v for k, v in written.items() if v is not None}, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0] * 5}, "must hold 6 labels, it holds 5"),
        ({"labels": [0] * 5 + [10]}, "must be 0 to 9, found 0 to 10"),
        ({"labels": [0] * 5 + [-1]}, "must be 0 to 9, found -1 to 0"),
        ({"labels": [0] * 5 + [1.0]}, "as a list of int"),
        ({"labels": [0] * 5 + [True]}, "as a list of int"),
        ({"labels": "012345"}, "as a list of int"),
        ({"labels": None, "fine_labels": []}, "must hold data and labels, it holds b"),
        ({"data": None}, "must hold data and labels, it holds batch_label"),
        ({"data": [1]}, "an array of two dimensions"),
        ({"data": np.zeros((5, 3072), np.uint8)}, "it is 'u1' (5, 3072)"),
        ({"data": np.zeros((6, 3072), np.int8)}, "it is 'i1' (6, 3072)"),
        ({"data": np.zeros((6, 3072), np.uint16)}, "it is 'u2' (6, 3072)"),
        ({"batch_label": b"training batch 1 of 5"}, "it is 'training batch 1 of 5'"),
        ({"batch_label": [[]]}, "must be the testing batch 1 of 1, it is list"),
    ],
)
def test_a_batch_of_another_kind(tmp_path, changes, message):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    (path / "test_batch").write_bytes(changed(**changes))
    found = refused("cifar10", path)
    assert message in found and str(path / "test_batch") in found
    assert len(decode("cifar10", path, test=False)[1]) == TRAIN


def test_the_label_of_the_batch_can_be_missing(tmp_path):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    (path / "test_batch").write_bytes(changed(batch_label=None))
    check("cifar10", path)


def test_an_array_of_another_length(tmp_path):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    whole = (path / "test_batch").read_bytes()
    length = struct.pack("<i", TEST * 3072)
    assert whole.count(length) == 1
    start = whole.index(length) + 4
    shorter = struct.pack("<i", TEST * 3072 - 1) + whole[start + 1 :]
    (path / "test_batch").write_bytes(whole[: start - 4] + shorter)
    assert "must have 18432 bytes, it has 18431" in refused("cifar10", path)


@pytest.mark.parametrize(("dataset", "folder"), FOLDERS)
def test_damaged_files(tmp_path, dataset, folder):
    path = write_folder(tmp_path, folder)
    file = next(path.glob("test*"))
    whole = file.read_bytes()
    for size in (0, 1, 3073, len(whole) - 1):
        file.write_bytes(whole[:size])
        assert file.name in refused(dataset, path)
    file.write_bytes(whole + bytes(2_000_000))
    assert "must have at most" in refused(dataset, path)
    file.unlink()
    assert f"no {file.name}" in refused(dataset, path)
    file.mkdir()
    assert f"no {file.name}" in refused(dataset, path)


def test_files_of_another_version(tmp_path):
    ten, hundred = (
        write_folder(tmp_path, VERSIONS[dataset][1]) for dataset in VERSIONS
    )
    (ten / "test_batch.bin").write_bytes((hundred / "test.bin").read_bytes())
    message = refused("cifar10", ten)
    assert "must have 6 rows of 3073 bytes = 18438 bytes, it has 18444" in message
    ten, hundred = (
        write_folder(tmp_path, VERSIONS[dataset][0]) for dataset in VERSIONS
    )
    (ten / "test_batch").write_bytes((hundred / "test").read_bytes())
    message = refused("cifar10", ten)
    assert "must hold data and labels, it holds batch_label, coarse_labels" in message
    (ten / "data_batch_2").write_bytes((ten / "data_batch_3").read_bytes())
    message = refused("cifar10", ten, test=False)
    assert "must be the training batch 2 of 5, it is 'training batch 3 of 5'" in message
    with pytest.raises(DataError, match="holds no official file of cifar100"):
        decode("cifar100", ten, test=True)


def test_a_label_beyond_the_classes(tmp_path):
    path = write_folder(tmp_path, "cifar-100-binary")
    content = bytearray((path / "test.bin").read_bytes())
    content[3074 + 1] = 100
    (path / "test.bin").write_bytes(content)
    assert "must be 0 to 99, found 1 to 100" in refused("cifar100", path)


class Reduce:
    def __init__(self, *answer):
        self.answer = answer

    def __reduce__(self):
        return self.answer


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_runs_nothing(tmp_path, protocol):
    path, marker = write_folder(tmp_path, "cifar-10-batches-py"), tmp_path / "ran"
    data = pickle.dumps({"data": Reduce(os.system, (f"touch {marker}",))}, protocol)
    (path / "test_batch").write_bytes(data)
    message = refused("cifar10", path)
    assert f"global '{os.name}" in message and "is not allowed" in message
    assert not marker.exists()
    pickle.loads(data)
    assert marker.exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        # Codecs decode any input: zip bombs, rot13, ...
        (b"c_codecs\nencode\nX\x03\x00\x00\x00abcX\x03\x00\x00\x00zip\x86R", "array"),
        (b"cnumpy\nndarray\n)R}X\x0c\x00\x00\x00__setstate__Nsb", "an array"),
        (b"cnumpy\nndarray\n)\x81", "an array"),
        (b"cnumpy\nndarray\n", "an array"),
        (b"Phttp://x\n", "an array"),
        (b"X\x01\x00\x00\x00aQ", "an array"),
        (b"\x82\x01", "extensions"),
        (b"}X\x0c\x00\x00\x00__setstate__Nsb", "takes a state"),
        (b"N" + b"2\x86" * 1_000, "an array"),
        (b"N" + b"\x85" * 100_000, "an array"),
    ],
)
def test_other_tricks_of_a_pickle(tmp_path, value, message):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    labels = b"(K\x00K\x00K\x00K\x00K\x00K\x00l"
    data = b"\x80\x02}(U\x04data" + value + b"U\x06labels" + labels + b"u."
    (path / "test_batch").write_bytes(data)
    assert message in refused("cifar10", path)


def test_a_batch_that_is_not_a_dict(tmp_path):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    (path / "test_batch").write_bytes(b"N.")
    assert "must hold a dict" in refused("cifar10", path)


@pytest.fixture
def packed(tmp_path) -> Path:
    return pack(write_folder(tmp_path, "cifar-10-batches-bin"))


@pytest.mark.parametrize("harm", ["cut", "flip", "empty", "tail", "plain"])
def test_a_damaged_archive(packed, harm):
    whole = packed.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    packed.write_bytes(
        {
            "cut": whole[:-9],
            "flip": flipped,
            "empty": b"",
            "tail": whole + b"more",
            "plain": gzip.decompress(whole),
        }[harm]
    )
    assert "cannot be read: " in refused("cifar10", packed)


def test_a_truncated_tar_in_an_intact_gzip(packed):
    unpacked = gzip.decompress(packed.read_bytes())
    for size in (0, 100, 600, 20_000, 60_000):
        packed.write_bytes(gzip.compress(unpacked[:size]))
        assert refused("cifar10", packed)


NAME = "cifar-10-batches-bin/test_batch.bin"
ROWS = bytes(TEST * 3073)


def test_other_members_of_an_archive(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    outside = [
        member("../cifar-10-batches-bin/test_batch.bin", b"x" * 9),
        member("/cifar-10-batches-bin/test_batch.bin", b"x" * 9),
        member("cifar-10-batches-bin/x/test_batch.bin", b"x" * 9),
        member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    ]
    archive_of(path, [*outside, member(f"./{NAME}", ROWS)])
    assert decode("cifar10", path, test=True)[0].shape == (TEST, 32, 32, 3)
    archive_of(path, outside)
    assert "no test_batch.bin" in refused("cifar10", path)
    archive_of(path, [member(NAME, ROWS), member(NAME, ROWS)])
    assert "it occurs again" in refused("cifar10", path)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "cifar-10-batches-bin/data_batch_1.bin"),
        (tarfile.DIRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_only_regular_files_are_read(tmp_path, kind, target):
    path = tmp_path / "cifar-10-binary.tar.gz"
    archive_of(path, [member(NAME, type=kind, linkname=target)])
    assert "test_batch.bin must be a regular file" in refused("cifar10", path)


def test_an_archive_that_unpacks_to_too_much(tmp_path, monkeypatch):
    path = tmp_path / "cifar-10-binary.tar.gz"
    monkeypatch.setattr(cifar_files, "_MAX_OTHER_BYTES", 50_000)
    # The excess is in one member, in many, after the last, or only claimed.
    archive_of(path, [member("bomb", bytes(300_000)), member(NAME, ROWS)])
    assert "unpacks to more than the official files" in refused("cifar10", path)
    archive_of(path, [member(f"bomb{n}", bytes(9_000)) for n in range(40)])
    assert "unpacks to more than the official files" in refused("cifar10", path)
    archive_of(path, [member(NAME, ROWS)])
    bomb = gzip.decompress(path.read_bytes()) + bytes(300_000)
    path.write_bytes(gzip.compress(bomb))
    assert "unpacks to more than the official files" in refused("cifar10", path)
    info, _ = member("bomb", size=1 << 60)
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
    assert "unpacks to more than the official files" in refused("cifar10", path)
    info, _ = member(NAME, size=150_000)
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT)))
    assert "test_batch.bin must have at most 89936 bytes" in refused("cifar10", path)


def test_too_many_members(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    archive_of(path, [member(f"m{number}") for number in range(101)])
    assert "has over 100 members" in refused("cifar10", path)
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 1
    block = long_name.tobuf(tarfile.GNU_FORMAT) + bytes(512)
    path.write_bytes(gzip.compress(block * 400))
    assert "cannot be read: it has over 200 headers" in refused("cifar10", path)


def test_a_sparse_member_is_refused(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    info, _ = member(NAME, type=tarfile.GNUTYPE_SPARSE, size=0)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % len(ROWS)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(gzip.compress(bytes(header) + bytes(1024)))
    assert "must be a regular file" in refused("cifar10", path)


def test_the_identity_changes_with_the_files(tmp_path):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    train, test = identity(path, False), identity(path, True)
    assert len(train) == len(test) == 64 and train != test
    os.utime(path / "test_batch", ns=(1, 1))
    assert identity(path, False) == train
    assert (touched := identity(path, True)) != test
    with open(path / "test_batch", "ab") as file:
        file.write(b"x")
    os.utime(path / "test_batch", ns=(1, 1))
    assert identity(path, True) not in (test, touched)
    (path / "data_batch_5").unlink()
    assert identity(path, False) != train

    archive = pack(write_folder(tmp_path / "a", "cifar-100-binary"))
    before = identity(archive, True)
    assert before == identity(archive, True) != identity(archive, False)
    os.utime(archive, ns=(1, 1))
    assert identity(archive, True) != before


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("keys", [str, str.encode])
@pytest.mark.parametrize(
    "form",
    [
        np.asarray,
        lambda labels: np.asarray(labels, np.uint8),
        lambda labels: np.asarray(labels, ">i4"),
        lambda labels: [np.int64(label) for label in labels],
        lambda labels: [np.uint8(labels[0]), *labels[1:]],
    ],
)
def test_batches_pickled_again_by_users(tmp_path, protocol, keys, form):
    for dataset in ("cifar10", "cifar100"):
        path = write_folder(tmp_path, VERSIONS[dataset][0])
        name = "test_batch" if dataset == "cifar10" else "test"
        images, labels = images_and_labels(dataset, test=True)
        written = batch(dataset, images, labels, "testing batch 1 of 1")
        for key in written:
            if key.endswith("labels"):
                written[key] = form(written[key])
        written = {keys(key): value for key, value in written.items()}
        (path / name).write_bytes(pickle.dumps(written, protocol))
        check(dataset, path)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(6.0),
        np.arange(6) > 2,
        np.arange(6).reshape(2, 3),
        [np.float32(1)] * 6,
        np.arange(6).astype(object),
        np.array(["1"] * 6),
    ],
)
def test_arrays_without_labels(tmp_path, labels):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    (path / "test_batch").write_bytes(changed(labels=labels))
    assert "must hold labels as a list of int: " in refused("cifar10", path)


def test_a_half_extracted_folder_is_skipped(tmp_path):
    path = write_folder(tmp_path, "cifar-10-batches-py")
    assert find("cifar10", tmp_path) == path
    archive = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(path, path.name)
    assert find("cifar10", tmp_path) == path
    whole = (path / "data_batch_5").read_bytes()
    for harm in (whole[:9000], None):
        (path / "data_batch_5").unlink()
        if harm:
            (path / "data_batch_5").write_bytes(harm)
        assert find("cifar10", tmp_path) == archive
        assert half_extracted("cifar10", archive) == [path]
    check("cifar10", archive)
    archive.unlink()
    assert find("cifar10", tmp_path) == path
    # A folder of the other version does not hide the archive.
    write_folder(tmp_path, "cifar-10-batches-bin")
    assert find("cifar10", tmp_path) == path
    assert half_extracted("cifar10", path) == []
    assert "no data_batch_5" in refused("cifar10", path, test=False)


@pytest.mark.parametrize("folder", VERSIONS["cifar100"])
def test_the_coarse_labels(tmp_path, folder):
    path = write_folder(tmp_path, folder)
    assert find("cifar100_coarse", tmp_path) == path
    for pack_it in (False, True):
        found = pack(path) if pack_it else path
        for test in (False, True):
            images, labels = decode("cifar100_coarse", found, test)
            expected = images_and_labels("cifar100", test)
            np.testing.assert_array_equal(images, expected[0])
            np.testing.assert_array_equal(labels, expected[1] // 5)
