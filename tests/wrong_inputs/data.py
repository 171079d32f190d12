"""Data sets that are missing, damaged or wrong: exit code 3."""

import io
import pickle

import numpy as np
from PIL import Image

from tests.wrong_inputs.case import Case, cut, flip, put, remove, rename, swap

_RECORDS = "fake_cifar/cifar10/3.0.2"
_TRAIN = f"{_RECORDS}/cifar10-train.tfrecord-00000-of-00001"
_TEST = f"{_RECORDS}/cifar10-test.tfrecord-00000-of-00001"
_INFO = f"{_RECORDS}/dataset_info.json"
_ARCHIVE = "cifar-10-python.tar.gz"
_BINARY, _PYTHON = "official/cifar-10-batches-bin", "official/cifar-10-batches-py"
# A proxy at an unused port: every download is refused at once.
_OFFLINE = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


class _Foreign:
    def __reduce__(self):
        return open, ("owned", "w")


def _file(image: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


_SHORT = "train --recipe=quickstart --train_steps=2 --train_batch_size=8"
_GREY = Image.new("L", (8, 8))
_HUGE = _file(Image.new("1", (20_000, 20_000)), "PNG")
_FRACTIONS = _file(Image.fromarray(np.full((8, 8), np.nan, np.float32)), "TIFF")


def _case(name: str, command: str, text: str, given=(), harm=(), **options) -> Case:
    given = (given,) if isinstance(given, str) else given
    harm = harm if isinstance(harm, tuple) else (harm,)
    return Case(name, command, 3, text, given, harm, **options)


def _tfds(name: str, text: str, harm, split: str = "train") -> Case:
    short = f"{_SHORT} --dataset=cifar10"
    command = "eval --ckpt=cifar_checkpoint" if split == "test" else short
    given = ("fake_cifar", "cifar_checkpoint")
    flags = "--nodownload --data_dir=fake_cifar"
    return _case(name, f"{command} {flags}", text, given, harm)


def _official(name: str, text: str, harm, flags: str = "") -> Case:
    flags = f"--nodownload --validation_size=2 --data_dir=official {flags}"
    return _case(name, f"preview --output=s.png {flags}", text, "official", harm)


def _folder(name: str, text: str, harm=()) -> Case:
    command = f"{_SHORT} --dataset=folder --data_dir=pictures"
    return _case(name, command, text, "pictures", harm)


CASES = [
    # Missing data.
    _case("no data and no download", "train --nodownload --data_dir=nowhere",
          "cifar10 is not in nowhere and download is off: give --data_dir=DIR"),
    _case("no data and no network", "train --data_dir=nowhere",
          "cifar10 is not in nowhere and www.cs.toronto.edu does not answer",
          environment=_OFFLINE),
    _case("no data for a sheet", "preview --output=s.png --nodownload --data_dir=no",
          "cifar10 is not in no and download is off"),
    _case("no data to evaluate", "eval --ckpt=model_20 --nodownload --data_dir=no",
          "cifar10 is not in no and download is off"),
    _case("no home folder", "train --data_dir=~nobody_of_this_name/x",
          "cifar10 is not in ~nobody_of_this_name/x and there is no such home folder"),
    _case("an invalid name", f"train --nodownload --data_dir={'x' * 300}",
          "x and download is off"),
    _case("a file for a folder", "train --data_dir=notes.txt",
          "data_dir must be a folder or cifar-10-python.tar.gz", (), put("notes.txt")),
    _case("the folder of another data set",
          "train --dataset=cifar100 --nodownload --data_dir=fake_cifar",
          "cifar100 is not in fake_cifar and download is off", "fake_cifar"),
    # Folders of TensorFlow Datasets.
    _tfds("no description", f"{_INFO} is missing", remove(_INFO)),
    _tfds("no version", "cifar10 is not in fake_cifar and download is off",
          rename(_RECORDS, "fake_cifar/cifar10/x")),
    _tfds("no training records", "no file cifar10-train.*", remove(_TRAIN)),
    _tfds("no test records", "no file cifar10-test.*", remove(_TEST), "test"),
    _tfds("a truncated record", f"({_TRAIN}) cannot be read", cut(_TRAIN)),
    _tfds("a flipped bit", f"({_TRAIN}) cannot be read", flip(_TRAIN)),
    _tfds("empty records", f"({_TRAIN}) cannot be read", put(_TRAIN)),
    _tfds("truncated test records", f"({_TEST}) cannot be read", cut(_TEST), "test"),
    _tfds("an empty description", "cannot be read", put(_INFO)),
    _tfds("a description of other features", "cannot be read",
          put(f"{_RECORDS}/features.json", "{}")),
    _tfds("swapped splits", "to contain 96 elements but contained only 37",
          swap(_TRAIN, _TEST)),
    # The official files.
    _official("a binary file too short", "data_batch_1.bin must have 4 rows of 3073 by",
              cut(f"{_BINARY}/data_batch_1.bin"), f"--data_dir={_BINARY}"),
    _official("a binary file too long", "it has 2",
              put(f"{_BINARY}/data_batch_1.bin", bytes(2_000_000)),
              f"--data_dir={_BINARY}"),
    _official("a folder for a batch", "no data_batch_1",
              (remove(f"{_PYTHON}/data_batch_1"), put(f"{_PYTHON}/data_batch_1/x"))),
    _official("a label out of range", "must be 0 to 9, found 10 to",
              put(f"{_BINARY}/data_batch_2.bin", b"\x0a" * (4 * 3073)),
              f"--data_dir={_BINARY}"),
    _official("a pickle with a function", "data_batch_3 cannot be read",
              put(f"{_PYTHON}/data_batch_3", pickle.dumps(_Foreign()))),
    _official("a pickle of something else", "data_batch_1 must hold a dict",
              put(f"{_PYTHON}/data_batch_1", pickle.dumps([1]))),
    _official("swapped batches", "must be the training batch 1 of 5",
              swap(f"{_PYTHON}/data_batch_1", f"{_PYTHON}/data_batch_2")),
    _official("a missing batch", "no data_batch_4",
              remove(f"{_PYTHON}/data_batch_4")),
    _official("files of the other data set", "cifar100 is not in official", (),
              "--dataset=cifar100"),
    _case("a file that is not an archive",
          f"preview --output=s.png --nodownload --data_dir={_ARCHIVE}",
          f"{_ARCHIVE} cannot be read", (), put(_ARCHIVE, "no archive")),
    _official("more validation than images", "validation_size=40 leaves none", (),
              "--validation_size=40"),
    # Folders of images.
    _case("no folder of images", "train --dataset=folder --data_dir=nowhere",
          "nowhere cannot be read: No such file or directory"),
    _case("a folder of images with too long a name",
          f"train --dataset=folder --data_dir={'x' * 300}",
          "cannot be read: File name too long"),
    _case("one class", "train --dataset=folder --data_dir=one",
          "one must hold at least 2 class folders, it holds 1; an image folder is", (),
          put("one/cat/1.png", _file(_GREY, "PNG"))),
    _folder("a class without images", "fox must hold an image",
            put("pictures/fox/notes.txt", "none")),
    _folder("text for an image", "ant/x.png must be an image",
            put("pictures/ant/x.png", "I am no image")),
    _folder("an empty image", "ant/x.png must be an image",
            put("pictures/ant/x.png")),
    _folder("a truncated image", "ant/x.jpg cannot be read",
            (put("pictures/ant/x.jpg", _file(_GREY, "JPEG")),
             cut("pictures/ant/x.jpg"))),
    _folder("a huge image", "ant/x.png must have at most 100000000 pixels",
            put("pictures/ant/x.png", _HUGE)),
    _folder("an image of nan", "ant/x.tif cannot be read: its pixels must be whole",
            put("pictures/ant/x.tif", _FRACTIONS)),
    _folder("different classes", "'bee' is not in train",
            tuple(put(f"pictures/{name}/1.png", _file(_GREY, "PNG"))
                  for name in ("train/ant", "train/cat", "test/ant", "test/bee"))),
    _case("images of other classes",
          "eval --ckpt=folder_checkpoint --data_dir=pictures",
          "the data must have the network's 3 classes, received 4",
          ("folder_checkpoint", "pictures"),
          put("pictures/fox/1.png", _file(_GREY, "PNG"))),
    _case("no data_dir for a checkpoint's own images",
          "eval --ckpt=folder_checkpoint --data_dir=nowhere",
          "nowhere cannot be read", "folder_checkpoint"),
    _case("no validation images", "eval --ckpt=folder_checkpoint --data_dir=pictures "
          "--split=validation", "split validation of folder_checkpoint holds no images",
          ("folder_checkpoint", "pictures")),
]  # fmt: skip
