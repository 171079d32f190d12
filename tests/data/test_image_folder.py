import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from resnet_tf.data import image_file, image_folder
from resnet_tf.data.image_folder import ImageFolder
from resnet_tf.errors import DataError


class FolderInfo(NamedTuple):
    class_names: tuple[str, ...]
    num_train: int
    num_test: int
    num_validation: int


def source(root: Path, side=32, rule="class", validation_size=0) -> ImageFolder:
    """Returns the source of a folder, with sides smaller than `DataConfig` allows."""
    config = {"data_dir": str(root), "stored_side": side, "folder_split": rule}
    return ImageFolder(SimpleNamespace(validation_size=validation_size, **config))


def describe(root: Path, rule="class") -> FolderInfo:
    found = source(root, rule=rule)
    info, tests = found.info(), len(found._files(test=True))
    return FolderInfo(found.class_names, info.num_train, tests, info.validation_size)


def decode(root: Path, test: bool, *settings):
    return source(root, *settings).decode(test)


def identity(root: Path, test: bool, side: int) -> str:
    return source(root, side).identity(test)


def notes(root: Path, rule: str, validation_size: int):
    found = source(root, 32, rule, validation_size)
    return [note.removeprefix(f"{root}: ") for note in found.notes()]


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras, so nothing is cleared between the tests."""


def noise(height: int, width: int, *channels: int) -> np.ndarray:
    shape = (height, width, *channels)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, image=None, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if image is None:
        image = np.zeros((4, 4, 3), np.uint8)
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def refused(function, *arguments) -> str:
    with pytest.raises(DataError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    return message


def read(tmp_path, image, side=4, suffix=".png", **options) -> np.ndarray:
    """Returns the image from `decode`, (side, side, 3)."""
    for old in tmp_path.glob("train/a/*"):
        old.unlink()
    save(tmp_path / "train" / "a" / f"x{suffix}", image, **options)
    for folder in ("train/b", "test/a", "test/b"):
        save(tmp_path / folder / "x.png")
    images, labels = decode(tmp_path, False, side)
    assert images.shape == (2, side, side, 3) and images.dtype == np.uint8
    return images[labels.tolist().index(0)]


@pytest.fixture
def folder(tmp_path) -> Path:
    """24 images of 3 classes; the red value of an image is its number."""
    for number in range(24):
        colour = np.full((4, 4, 3), (number, 0, 0), np.uint8)
        save(tmp_path / "dog cat bird".split()[number % 3] / f"{number}.png", colour)
    return tmp_path


def test_the_split_of_earlier_versions(folder):
    assert describe(folder, "hash") == FolderInfo(("bird", "cat", "dog"), 22, 2, 2)
    names = [f"{'dog cat bird'.split()[n % 3]}/{n}.png" for n in range(24)]
    names.sort(key=digest)
    for test, expected in ((False, names[:22]), (True, names[22:])):
        images, labels = decode(folder, test, 2, "hash")
        assert images.shape == (len(expected), 2, 2, 3)
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
        numbers = [int(Path(name).stem) for name in expected]
        assert images[:, 0, 0, 0].tolist() == images[:, 1, 1, 0].tolist() == numbers
        assert labels.tolist() == [2 - number % 3 for number in numbers]


def test_a_copy_elsewhere_gives_the_same(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("other")
    for path in sorted(folder.rglob("*.png"), reverse=True):
        save(copy / path.relative_to(folder)).write_bytes(path.read_bytes())
    for test in (False, True):
        for ours, theirs in zip(
            decode(folder, test, 2), decode(copy, test, 2), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_train_and_test_folders(tmp_path):
    numbers = {}
    for number in range(12):
        split = "test" if number < 4 else "train"
        name = f"{split}/{'ab'[number % 2]}/{number}.png"
        save(tmp_path / name, np.full((3, 3), number, np.uint8))
        numbers[name] = number
    (tmp_path / "val" / "c").mkdir(parents=True)
    assert describe(tmp_path, "hash") == FolderInfo(("a", "b"), 8, 4, 0)
    for test in (False, True):
        prefix = "test/" if test else "train/"
        names = sorted((n for n in numbers if n.startswith(prefix)), key=digest)
        images, labels = decode(tmp_path, test, 3, "hash")
        assert images[:, 1, 1, 2].tolist() == [numbers[name] for name in names]
        assert labels.tolist() == [numbers[name] % 2 for name in names]


def test_each_split_has_an_image(tmp_path):
    for name in "ab":
        save(tmp_path / name / "x.png")
    assert describe(tmp_path) == FolderInfo(("a", "b"), 1, 1, 0)


def test_a_class_can_be_called_train(tmp_path):
    for name in ("bus", "train"):
        save(tmp_path / name / "x.png")
    assert describe(tmp_path).class_names == ("bus", "train")


def test_other_files_are_skipped(tmp_path):
    for name in "ab":
        save(tmp_path / name / "x.PNG")
        save(tmp_path / name / ".hidden.png")
        (tmp_path / name / "notes.txt").write_text("no image")
        (tmp_path / name / "sub.png").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "readme.md").write_text("no class")
    assert describe(tmp_path) == FolderInfo(("a", "b"), 1, 1, 0)


@pytest.mark.parametrize(
    "suffix",
    """
    .png .jpg .jpeg .jpe .jfif .bmp .gif .webp .avif .ppm .pgm .pbm .pnm .tif .tiff
    .TIFF .JpG .AVIF
    """.split(),
)
def test_every_suffix(tmp_path, suffix):
    grey = np.full((6, 8, 3), 100, np.uint8)
    pixels = read(tmp_path, grey, suffix=suffix)
    assert abs(pixels.astype(int) - 100).max() <= 2


def test_names_with_different_unicode_forms(tmp_path):
    composed, apart = "caf\u00e9", "cafe\u0301"
    for root, name in ((tmp_path / "1", composed), (tmp_path / "2", apart)):
        save(root / "zoo" / "x.png")
        save(root / name / f"{name}.png", np.full((4, 4), 9, np.uint8))
        assert describe(root).class_names == (composed, "zoo")
    first, second = (decode(tmp_path / n, False, 2) for n in "12")
    np.testing.assert_array_equal(first[0], second[0])
    save(tmp_path / "1" / apart / "x.png")
    if apart in os.listdir(tmp_path / "1"):  # some systems compose them
        assert "two classes of one name" in refused(describe, tmp_path / "1")


def test_the_center_is_cropped_before_the_resize(tmp_path):
    wide = noise(4, 9, 3)
    np.testing.assert_array_equal(read(tmp_path, wide), wide[:, 2:6])
    tall = noise(7, 4, 3)
    np.testing.assert_array_equal(read(tmp_path, tall), tall[1:5])


def test_the_resize_is_antialiased(tmp_path):
    # Every second column is white: a plain bilinear resize would see only white.
    stripes = np.zeros((32, 32), np.uint8)
    stripes[:, ::2] = 255
    pixels = read(tmp_path, stripes)
    assert abs(pixels.astype(int) - 128).max() <= 8
    ramp = np.array([[0, 100]] * 2, np.uint8)
    pixels = read(tmp_path, ramp)
    assert pixels[0, :, 0].tolist() == [0, 25, 75, 100]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_the_orientation_of_a_camera(tmp_path, suffix):
    upright = np.zeros((16, 16, 3), np.uint8)
    upright[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated by 90 degrees clockwise
    pixels = read(tmp_path, np.rot90(upright), 16, suffix, exif=exif)
    np.testing.assert_array_equal(pixels > 127, upright > 127)


def test_transparent_pixels_become_black(tmp_path):
    colour = noise(4, 4, 4)
    colour[..., 3] = np.array([0, 128, 255, 51])
    expected = np.rint(colour[..., :3] * (colour[..., 3:] / 255))
    for mode in ("RGBA", "LA", "PA"):
        pixels = read(tmp_path, Image.fromarray(colour).convert(mode), suffix=".tif")
        if mode == "RGBA":
            assert abs(pixels - expected).max() <= 1
        assert not pixels[:, 0].any() and pixels[:, 2].any()
    index = Image.fromarray(np.array([[0, 1]] * 2, np.uint8), "P")
    index.putpalette([200, 100, 50, 10, 20, 30])
    pixels = read(tmp_path, index, 2, transparency=0)
    assert pixels[0].tolist() == [[0, 0, 0], [10, 20, 30]]
    pixels = read(tmp_path, index, 2, transparency=b"\x80\xff")
    assert pixels[0].tolist() == [[100, 50, 25], [10, 20, 30]]


def test_grays_of_16_bits_are_scaled(tmp_path):
    deep = np.array([[0, 128, 129, 257], [65535, 32896, 65406, 65407]] * 2, np.uint16)
    expected = [[0, 0, 1, 1], [255, 128, 254, 255]] * 2
    for suffix in (".png", ".tif", ".ppm"):
        pixels = read(tmp_path, deep, suffix=suffix)
        np.testing.assert_array_equal(pixels, np.array(expected)[..., None] + [0] * 3)


def test_grays_of_unknown_range(tmp_path):
    message = refused(read, tmp_path, np.full((4, 4), 65536, np.int32), 4, ".tif")
    assert (
        "x.tif cannot be read: its gray values must be 0 to 65535, they are 65536"
        in message
    )
    message = refused(read, tmp_path, np.zeros((4, 4), np.float32), 4, ".tif")
    assert "x.tif cannot be read: its pixels must be whole numbers" in message


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("1", ".png"),
        ("L", ".png"),
        ("P", ".gif"),
        ("CMYK", ".jpg"),
        ("CMYK", ".tif"),
        ("YCbCr", ".tif"),
        ("LAB", ".tif"),
    ],
)
def test_every_other_mode(tmp_path, mode, suffix):
    colour = np.full((4, 4, 3), 255, np.uint8)
    white = Image.fromarray(colour)
    pixels = read(tmp_path, white.convert(mode), suffix=suffix)
    assert pixels.min() >= 253
    black = Image.fromarray(0 * colour)
    assert read(tmp_path, black.convert(mode), suffix=suffix).max() <= 2


def test_the_first_picture_of_several(tmp_path):
    first, second = (Image.fromarray(np.full((4, 4), v, np.uint8)) for v in (9, 90))
    for suffix in (".gif", ".tif", ".webp"):
        pixels = read(tmp_path, first, 2, suffix, save_all=True, append_images=[second])
        assert abs(pixels.astype(int) - 9).max() <= 3


@pytest.mark.parametrize(
    "suffix", [".png", ".jpg", ".bmp", ".gif", ".webp", ".ppm", ".tif"]
)
def test_truncated_images(tmp_path, suffix):
    for folder in ("train/a", "train/b", "test/a", "test/b"):
        save(tmp_path / folder / "x.png")
    path = save(tmp_path / "train" / "a" / f"y{suffix}", noise(32, 32, 3))
    whole = path.read_bytes()
    decode(tmp_path, False, 4)
    for size in (0, 1, 10, len(whole) // 2):
        path.write_bytes(whole[:size])
        message = refused(decode, tmp_path, False, 4)
        assert f"{path} must be an image" in message or (
            f"{path} cannot be read: " in message
        )


@pytest.mark.parametrize(
    "content", [b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_files_that_are_not_images(tmp_path, content):
    path = save(tmp_path / "a" / "x.png")
    save(tmp_path / "b" / "x.png")
    path.write_bytes(content)
    message = refused(decode, tmp_path, True, 4)
    assert (
        message
        == f"{path} must be an image (PNG, JPEG, BMP, GIF, WEBP, AVIF, PPM, TIFF)"
    )


@pytest.mark.parametrize("width", [11, 60])
def test_too_many_pixels_are_not_decoded(tmp_path, monkeypatch, width):
    monkeypatch.setattr(image_file, "MAX_PIXELS", 100)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 150)
    assert read(tmp_path, noise(10, 10)).shape == (4, 4, 3)
    monkeypatch.setattr(Image.Image, "resize", None)
    path = save(tmp_path / "x.png", noise(10, width))
    message = refused(image_file.read_image, path, 4)
    assert message.endswith("x.png must have at most 100 pixels")


def test_a_long_image_stays_small(tmp_path, monkeypatch):
    resize, sizes = Image.Image.resize, set()

    def spy(image, size, *rest):
        sizes.add(size)
        return resize(image, size, *rest)

    monkeypatch.setattr(Image.Image, "resize", spy)
    assert (read(tmp_path, Image.new("L", (60_000, 1), 7), 64) == 7).all()
    assert sizes == {(64, 64)}


@pytest.mark.parametrize("test", [False, True])
def test_a_link_to_nothing_is_named(tmp_path, test):
    for folder in ("train/a", "train/b", "test/a", "test/b"):
        save(tmp_path / folder / "x.png")
    path = tmp_path / ("test" if test else "train") / "a" / "y.png"
    path.symlink_to("nothing.png")
    expected = f"{path} cannot be read: No such file or directory"
    assert refused(decode, tmp_path, test, 4) == expected
    assert refused(identity, tmp_path, test, 4) == expected
    decode(tmp_path, not test, 4)


def test_folders_that_are_refused(tmp_path):
    missing = tmp_path / "missing"
    expected = f"{missing} cannot be read: No such file or directory"
    for function in (describe, lambda path: identity(path, True, 4)):
        assert refused(function, missing) == expected
    file = save(tmp_path / "f" / "x.png")
    assert "cannot be read: Not a directory" in refused(describe, file)
    message = refused(describe, tmp_path)
    assert "must hold at least 2 class folders, it holds 1; an image folder" in message
    (tmp_path / "empty").mkdir()
    message = refused(describe, tmp_path)
    assert (
        f"class folder {tmp_path / 'empty'} must hold an image (.apng .avif .bmp .gif"
        in message
    )


def test_a_class_name_that_json_cannot_hold_is_refused(folder):
    os.rename(folder / "cat", os.fsencode(folder) + b"/caf\xe9")
    message = refused(describe, folder)
    assert message.endswith(r"must have names in UTF-8, received 'caf\udce9'")


def test_without_free_space_nothing_is_mapped(folder, monkeypatch):
    usage = SimpleNamespace(free=3 * 4 * 4 * 3 - 1)
    monkeypatch.setattr(image_folder.shutil, "disk_usage", lambda _: usage)
    assert "must have 144 bytes free for the decoded images, received 143" in refused(
        decode, folder, True, 4
    )


def test_train_and_test_must_agree(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/b", "test/c"):
        save(tmp_path / name / "x.png")
    message = refused(describe, tmp_path)
    assert "the same classes in train and test, 'c' is not in train" in message
    save(tmp_path / "train" / "c" / "x.png")
    save(tmp_path / "train" / "d" / "x.png")
    assert "'d' is not in test" in refused(describe, tmp_path)
    (tmp_path / "test" / "d").mkdir()
    assert f"class folder {tmp_path}/test/d must hold" in refused(describe, tmp_path)


def test_the_identity_changes_with_the_files(folder):
    train, test = identity(folder, False, 32), identity(folder, True, 32)
    assert len(train) == 64 and len({train, test, identity(folder, True, 64)}) == 3
    last = max(
        (p.relative_to(folder).as_posix() for p in folder.rglob("*.png")), key=digest
    )
    os.utime(folder / last, ns=(1, 1))
    assert identity(folder, False, 32) == train
    assert identity(folder, True, 32) != test
    save(folder / "ant" / "x.png")
    assert identity(folder, False, 32) != train


def test_describing_opens_no_image_and_needs_no_library(folder):
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    code = (
        "import sys; from resnet_tf.data.sources import dataset_info;"
        f"print(dataset_info('folder', {str(folder)!r}).num_train,"
        "{'PIL', 'tensorflow'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "21 set()\n"


def folder_of(root: Path, counts: dict[str, int], prefix: str = "") -> Path:
    """Writes `counts` images of each class; the red value is the image's number."""
    for name, count in counts.items():
        for number in range(count):
            pixels = np.full((2, 2, 3), (number, 0, 0), np.uint8)
            save(root / prefix / name / f"{number}.png", pixels)
    return root


def labels_of(root: Path, validation_size: int) -> list[list[int]]:
    """Returns the images of each class in the training, validation and test split."""
    train, test = (decode(root, t, 2, "class", validation_size)[1] for t in (0, 1))
    border = len(train) - validation_size
    parts = train[:border], train[border:], test
    classes = len(describe(root).class_names)
    return [np.bincount(part, minlength=classes).tolist() for part in parts]


def test_each_class_is_in_each_split(tmp_path):
    root = folder_of(tmp_path, {"a": 40, "b": 3, "c": 4, "d": 12})
    assert describe(root) == FolderInfo(("a", "b", "c", "d"), 52, 7, 6)
    assert labels_of(root, 6) == [[33, 1, 2, 10], [3, 1, 1, 1], [4, 1, 1, 1]]
    assert (notes(root, "class", 6)) == []
    # Two images are too few for four classes; the rest goes to the largest class.
    assert labels_of(root, 2)[1] == [1, 0, 0, 1]
    assert (notes(root, "class", 2)) == ["classes without a validation image: b, c"]
    # The held-out images have the largest hashes of their class.
    names = sorted((f"a/{n}.png" for n in range(40)), key=digest)
    images, labels = decode(root, True, 2)
    found = [f"a/{red}.png" for red in images[labels == 0][:, 0, 0, 0]]
    assert found == names[-4:]


def test_another_class_does_not_change_the_split(tmp_path):
    root = folder_of(tmp_path, {"a": 30, "b": 30})
    images, labels = decode(root, True, 2)
    before = set(images[labels == 1][:, 0, 0, 0].tolist())
    folder_of(root, {"c": 50})
    images, labels = decode(root, True, 2)
    assert set(images[labels == 1][:, 0, 0, 0].tolist()) == before


def test_classes_missing_in_a_split_are_named(tmp_path):
    root = folder_of(tmp_path, {f"c{n:02}": 1 for n in range(40)})
    assert describe(root).num_test == 1
    assert (notes(root, "class", 0)) == [
        "classes without a train image: c00",
        "classes without a test image: c01, c02, c03, c04, c05 and 34 more",
        "there are no validation images",
    ]
    root = folder_of(tmp_path / "4", {f"c{n}": 4 for n in range(100)})
    assert describe(root) == FolderInfo(describe(root).class_names, 300, 100, 100)
    assert (notes(root, "class", 100)) == []


def test_skipped_files_are_counted(tmp_path):
    root = folder_of(tmp_path, {"a": 3, "b": 3})
    image = (root / "a" / "0.png").read_bytes()
    for name in ("a/x.HEIC", "b/y.heic", "b/notes.txt", "b/plain.png.bak"):
        (root / name).write_bytes(image)
    (root / "b" / "README").write_text("no image")
    save(root / "a" / "deeper" / "still" / "x.jpg")
    (root / "b" / "whole").write_bytes(image)
    os.mkfifo(root / "b" / "pipe")
    assert (notes(root, "class", 2)) == [
        "files that are not images are skipped: 2 .heic, 2 without a suffix, "
        "1 .bak, 1 .txt",
        "images in other folders are skipped: 1 in a/deeper",
    ]
    assert describe(root).num_train + describe(root).num_test == 7
    for path in (root / "a").glob("*.*"):
        path.unlink()
    message = refused(describe, root)
    assert ", it holds 1 in subfolders; an image folder is DIR/CL" in message


def test_a_validation_folder(tmp_path):
    for name in ("val", "valid", "validation"):
        root = tmp_path / name
        for prefix, count in (("train", 5), (name, 3), ("test", 2)):
            folder_of(root, {"a": count, "b": count}, prefix)
        assert describe(root) == FolderInfo(("a", "b"), 16, 4, 6)
        assert labels_of(root, 6) == [[5, 5], [3, 3], [2, 2]]
    assert describe(root, "hash") == FolderInfo(("a", "b"), 10, 4, 1)
    assert (notes(root, "hash", 1))[0] == (
        "images in other folders are skipped: 6 in validation"
    )
    (root / "val").mkdir()
    assert "one validation folder, it holds val and valid" in refused(describe, root)


def test_a_validation_folder_without_test_folder_is_the_test_split(tmp_path):
    for prefix, count in (("train", 5), ("val", 3)):
        folder_of(tmp_path, {"a": count, "b": count}, prefix)
    assert describe(tmp_path) == FolderInfo(("a", "b"), 10, 6, 2)
    other = folder_of(tmp_path / "2", {"train": 2, "val": 2})
    assert describe(other).class_names == ("train", "val")


def test_broken_images_are_named_together(tmp_path):
    root = folder_of(tmp_path, {"a": 20, "b": 2})
    for number in range(8):
        (root / "a" / f"{number}.png").write_bytes(b"no image")
    message = str(pytest.raises(DataError, decode, root, False, 2).value)
    count = int(message.split()[0])
    assert message.startswith(f"{count} of 19 images cannot be used: {root}/a/")
    assert message.count("must be an image") == 5 and "\n" not in message
    assert message.endswith(f"; and {count - 5} more") and count > 5


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\tb", "a\u2028b", "\x1b[2J"])
def test_a_class_name_that_breaks_a_line_is_refused(tmp_path, name):
    folder_of(tmp_path, {name: 1, "z": 1})
    message = refused(describe, tmp_path)
    assert message.endswith(f"line breaks and control characters, received {name!a}")


def test_multi_picture_files_are_read(tmp_path):
    first, second = (Image.fromarray(np.full((8, 8), v, np.uint8)) for v in (9, 90))
    path = save(tmp_path / "x.mpo", first, save_all=True, append_images=[second])
    assert abs(image_file.read_image(path, 4).astype(int) - 9).max() <= 3
    for mode in ("1", "L", "RGB"):
        white = Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).convert(mode)
        assert image_file.read_image(save(tmp_path / "x.pnm", white), 4).min() == 255


def test_a_pipe_is_an_error_without_a_wait(tmp_path):
    root = folder_of(tmp_path, {"a": 2, "b": 2})
    (root / "a" / "0.png").unlink()
    os.mkfifo(root / "a" / "0.png")
    messages = [
        str(pytest.raises(DataError, decode, root, test, 2).value)
        for test in (False, True)
        if f"a/{0}.png" in {n for n, _ in source(root)._files(test)}
    ]
    assert messages == [f"{root}/a/0.png cannot be read: it is not a regular file"]
