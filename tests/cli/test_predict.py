import io
import json
import os
import sys

import numpy as np
import pytest
from PIL import Image

import resnet_tf
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.cli.main import main
from resnet_tf.config import ExperimentConfig
from resnet_tf.data import image_file
from resnet_tf.evaluation import predict


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    """Returns a checkpoint for the digits with a temperature."""
    config = ExperimentConfig.from_flat({}, "quickstart")
    folder = tmp_path_factory.mktemp("ckpt")
    metrics = {"calibration": {"temperature": 2.0}}
    save_checkpoint(folder, resnet_tf.build_model(config.model), config, metrics)
    return str(folder)


@pytest.fixture(scope="module")
def pretrained(ckpt):
    return resnet_tf.load_pretrained(ckpt)


@pytest.fixture(autouse=True)
def loaded_once(ckpt, pretrained, monkeypatch):
    """Compiles the network once for all tests."""

    def load(stored):
        same = str(stored.folder) == ckpt
        return pretrained if same else resnet_tf.load_pretrained(stored)

    monkeypatch.setattr(predict, "load_pretrained", load)


@pytest.fixture
def photos(tmp_path):
    """Returns a folder tree with five images of different sizes and formats."""
    random = np.random.default_rng(0)
    folder = tmp_path / "photos"
    (folder / "b" / ".hidden").mkdir(parents=True)
    sizes = {"a.png": (32, 32), "b/large.jpg": (90, 41), "b/small.bmp": (5, 8)}
    sizes |= {"c.webp": (32, 40), "d.GIF": (64, 64), "b/.hidden/x.png": (9, 9)}
    for name, (height, width) in sizes.items():
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (folder / "notes.txt").write_text("no image")
    return folder


NAMES = ["a.png", "c.webp", "d.GIF", "b/large.jpg", "b/small.bmp"]


def predicted(capsys, *arguments, code=0):
    """Returns the lines on stdout and the lines on stderr."""
    if code:
        with pytest.raises(SystemExit) as caught:
            main(["predict", *map(str, arguments)])
        assert caught.value.code == code
    else:
        main(["predict", *map(str, arguments)])
    answer = capsys.readouterr()
    return answer.out.splitlines(), answer.err.splitlines()


def test_a_folder(capsys, ckpt, pretrained, photos):
    out, err = predicted(capsys, photos, f"--ckpt={ckpt}", "--json")
    assert err == []
    records = [json.loads(line) for line in out]
    assert [r["image"] for r in records] == [str(photos / name) for name in NAMES]
    for record, name in zip(records, NAMES, strict=True):
        pixels = image_file.read_image(photos / name, 32)
        shares = pretrained.predict_images(pixels[np.newaxis])[0]
        assert record["temperature"] == 2.0
        assert len(record["top"]) == 5
        for one, label in zip(record["top"], np.argsort(-shares), strict=False):
            assert (one["class"], one["label"]) == (str(label), label)
            assert one["probability"] == pytest.approx(shares[label], abs=1e-5)


def test_text(capsys, ckpt, pretrained, photos):
    image = photos / "a.png"
    out, err = predicted(capsys, image, image, f"--ckpt={ckpt}", "--top=2")
    assert err == [] and len(out) == 2 and out[0] == out[1]
    pixels = np.asarray(Image.open(image))
    shares = pretrained.predict_images(pixels[np.newaxis])[0]
    first, second = np.argsort(-shares)[:2]
    assert out[0] == (
        f"{image}: {first} {100 * shares[first]:.1f} %, "
        f"{second} {100 * shares[second]:.1f} %"
    )


def test_a_list_on_stdin(capsys, ckpt, photos, monkeypatch):
    listed = f"{photos / 'a.png'}\r\n\n{photos / 'b'}\n{photos / 'c.webp'}"
    stdin = io.TextIOWrapper(io.BytesIO(listed.encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(predict, "_BATCH", 3)
    out, err = predicted(capsys, photos / "d.GIF", "-", f"--ckpt={ckpt}", "--json")
    found = [json.loads(line)["image"].removeprefix(f"{photos}/") for line in out]
    assert found == ["d.GIF", "a.png", "b/large.jpg", "b/small.bmp", "c.webp"]
    assert err == []


def test_a_dash_in_a_list_is_a_file(capsys, ckpt, photos, monkeypatch):
    lines = [b"-"] * 3000 + [b"x" * 200_000, b"nul\0", bytes(str(photos), "utf-8")]
    monkeypatch.chdir(photos.parent)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(lines))))
    out, err = predicted(capsys, "-", f"--ckpt={ckpt}", code=1)
    assert len(out) == len(NAMES)
    missing = "error: - cannot be read: No such file or directory"
    assert err.count(missing) == 3000
    long, nul = sorted(set(err) - {missing})
    assert long == f"error: a path must be below 65,536 bytes: {'x' * 40}"
    assert nul == "error: nul\\x00 cannot be read: embedded null byte"
    (photos.parent / "-").write_bytes((photos / "a.png").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"-\n")))
    out, _ = predicted(capsys, "-", f"--ckpt={ckpt}")
    assert len(out) == 1 and out[0].startswith("-: ")


def test_a_named_pipe_does_not_block(capsys, ckpt, photos):
    os.mkfifo(photos / "b" / "pipe.png")
    os.mkfifo(photos / "b" / "pipe")
    (photos / "b" / "plain").write_bytes((photos / "a.png").read_bytes())
    out, err = predicted(capsys, photos, f"--ckpt={ckpt}", code=1)
    assert len(out) == len(NAMES) + 1
    reason = "cannot be read: it is not a regular file"
    assert err == [f"error: {photos / 'b' / 'pipe.png'} {reason}"]


def test_bad_files_do_not_stop_the_others(capsys, ckpt, photos, monkeypatch):
    monkeypatch.setattr(image_file, "MAX_PIXELS", 10_000)
    whole = (photos / "b" / "large.jpg").read_bytes()
    bad = {
        "text.png": (b"no image", " must be an image (PNG, "),
        "empty.png": (b"", " must be an image (PNG, "),
        "half.jpg": (whole[: len(whole) // 2], " cannot be read: "),
    }
    for name, (content, _) in bad.items():
        (photos / name).write_bytes(content)
    Image.new("1", (101, 100)).save(photos / "huge.png")
    bad["huge.png"] = (b"", " must have at most 10000 pixels")
    bad["missing.png"] = (b"", " cannot be read: No such file or directory")
    (photos / "none").mkdir()
    paths = [photos / name for name in [*bad, "none", "a.png"]]
    out, err = predicted(capsys, *paths, f"--ckpt={ckpt}", code=1)
    assert len(out) == 1 and out[0].startswith(f"{photos / 'a.png'}: ")
    lines = {line for line in err if "folder" not in line}
    assert len(err) == 6 and len(lines) == 5
    for name, (_, reason) in bad.items():
        (line,) = (line for line in lines if f"{photos / name} " in line)
        assert line.startswith(f"error: {photos / name}{reason}")
    assert (
        f"error: folder {photos / 'none'} must hold an image (.apng .avif .bmp .gif"
        in ("\n".join(err))
    )
    out, _ = predicted(capsys, *paths, f"--ckpt={ckpt}", "--json", code=1)
    records = [json.loads(line) for line in out]
    assert [r["image"] for r in records] == [
        str(photos / name) for name in [*bad, "a.png"]
    ]
    assert ["error" in r for r in records] == [True] * 5 + [False]


def test_without_a_temperature(capsys, tiny, tmp_path, photos):
    config = tiny()
    save_checkpoint(tmp_path / "c", resnet_tf.build_model(config.model), config, {})
    image = photos / "a.png"
    out, err = predicted(capsys, image, image, f"--ckpt={tmp_path / 'c'}", "--json")
    assert err == [f"note: {tmp_path / 'c'} has no temperature: not calibrated"]
    assert [json.loads(line)["temperature"] for line in out] == [None, None]


def test_control_characters_in_names_are_escaped(capsys, ckpt, photos):
    odd = photos / "\x1b[2J\n.png"
    (photos / "a.png").rename(odd)
    out, _ = predicted(capsys, odd, f"--ckpt={ckpt}")
    assert len(out) == 1 and out[0].startswith(f"{photos}/\\x1b[2J\\n.png: ")
    out, _ = predicted(capsys, odd, f"--ckpt={ckpt}", "--json")
    assert json.loads(out[0])["image"] == str(odd)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["x.png", "--ckpt=nothing"], 4, "ckpt must be a checkpoint or run folder"),
        (["x.png"], 2, "the following arguments are required: --ckpt"),
        (["--ckpt=model_20"], 2, "the following arguments are required: IMAGE"),
        (["x", "--ckpt=model_20", "--top=0"], 2, "top must be at least 1, received 0"),
        (["x", "--ckpt=model_20", "--top=a"], 2, "invalid int value: 'a'"),
    ],
)
def test_wrong_arguments(capsys, arguments, code, message):
    out, err = predicted(capsys, *arguments, code=code)
    assert out == [] and len(err) == 1
    assert err[0].startswith("error: ") and message in err[0]
