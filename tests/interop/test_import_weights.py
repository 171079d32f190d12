"""The import command: from a file to a checkpoint folder and its card."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import resnet_tf
from resnet_tf.checkpoints.normalizer import values
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.cli.main import main
from resnet_tf.interop import pytorch

PEERS = os.environ.get("RESNET_TF_PEERS")
needs_peers = pytest.mark.skipif(
    not (PEERS and os.environ.get("TFDS_DATA_DIR")),
    reason="RESNET_TF_PEERS and TFDS_DATA_DIR name no published files and images",
)


@pytest.fixture
def source(made, write_torch, tmp_path):
    return write_torch(tmp_path / "resnet14.th", made("akamaster").data())


def run(source, output, *arguments):
    main(["import", str(source), f"--output={output}", *arguments])


def test_a_checkpoint_folder(source, made, tmp_path, fake_cifar, capsys, monkeypatch):
    monkeypatch.setattr(pytorch, "installed", lambda: False)
    output, cache = tmp_path / "imported", str(tmp_path / "cache")
    run(source, output, f"--data_dir={fake_cifar}", f"--cache_dir={cache}")
    network = made("akamaster")
    checkpoint = load_checkpoint(output)
    logits = checkpoint.model(network.images).numpy()
    largest = np.abs(network.logits).max()
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)

    metrics = json.loads((output / "metrics.json").read_text())
    again = resnet_tf.evaluate(output, data_dir=fake_cifar, cache_dir=cache)
    assert metrics["test_error"] == again["error"]
    assert metrics["n_test"] == again["n"] == 37
    assert (metrics["tensors"], metrics["parameters"]) == (67, 172_506)
    (digest,) = metrics["source_sha256"].values()
    text = capsys.readouterr().out
    assert "akamaster/pytorch_resnet_cifar10 ResNet-14, 67 tensors, 172,506" in text
    assert f"error {again['error']:.2f} % (n = 37" in text
    card = (output / "README.md").read_text()
    for part in (digest, "resnet14.th", "172,506", "not compared", "A-subsample",
                 f"| {again['error']:.2f} % | 37 test images |",
                 "mean 0.4850, 0.4560, 0.4060", "| unknown | published |",
                 "bn_eval=moving; moving averages: from the file"):  # fmt: skip
        assert part in card


def test_without_the_data(source, tmp_path, capsys):
    output = tmp_path / "imported"
    run(source, output, f"--data_dir={tmp_path}")
    assert "error not measured: dataset cifar10 is not in" in capsys.readouterr().out
    assert "| not measured | test |" in (output / "README.md").read_text()
    assert load_checkpoint(output).metrics["tensors"] == 67


def test_no_error_on_training_images(source, tmp_path, fake_cifar, capsys):
    where = [f"--data_dir={fake_cifar}", f"--cache_dir={tmp_path / 'cache'}"]
    run(source, tmp_path / "imported", "--split=validation", *where)
    assert "error not measured: split validation of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "output", "code", "message"),
    [
        ("resnet14.th", "taken", 6, "output must be a new or an empty folder"),
        ("resnet14.th", "resnet14.th/x", 6, "cannot be written"),
        ("nothing.th", "new", 4, "nothing.th is missing"),
        ("no_weights.th", "new", 4, "no_weights.th cannot be read as a PyTorch file"),
    ],
)
def test_errors_are_one_line(
    source, output, code, message, made, write_torch, tmp_path, capsys
):
    write_torch(tmp_path / "resnet14.th", made("akamaster").data())
    (tmp_path / "no_weights.th").write_text("no weights")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(SystemExit) as caught:
        run(tmp_path / source, tmp_path / output)
    assert caught.value.code == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_moving_averages_of_the_file_are_not_replaced(source, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        run(source, tmp_path / "new", "--bn_eval=batch")
    assert caught.value.code == 2
    message = "error: bn_eval needs a checkpoint without moving averages, received "
    assert capsys.readouterr().err == (
        f"{message}bn_eval=batch for akamaster/pytorch_resnet_cifar10 ResNet-14\n"
    )
    assert not (tmp_path / "new").exists()


@needs_peers
@pytest.mark.parametrize(
    ("pattern", "errors", "parameters"),
    [
        ("akamaster/resnet20-*.th", (8.4, 8.6), 269_722),
        ("uvadlc/ResNet.ckpt", (7.5, 10.4), 272_378),
    ],
)
def test_published_weights(pattern, errors, parameters, tmp_path):
    (path,) = Path(PEERS).glob(pattern)
    run(path, tmp_path / "imported")
    metrics = json.loads((tmp_path / "imported" / "metrics.json").read_text())
    assert metrics["parameters"] == parameters
    assert metrics["n_test"] >= 1000
    assert errors[0] <= metrics["test_error"] <= errors[1]


def test_a_key_chooses_one_of_two_networks(made, write_torch, tmp_path, capsys):
    tensors = made("akamaster7").tensors
    other = {**tensors, "linear.bias": tensors["linear.bias"] + 1}
    data = {"model": tensors, "ema_state_dict": other, "epoch": 3}
    source = write_torch(tmp_path / "twin.pth", data)
    with pytest.raises(SystemExit) as caught:
        run(source, tmp_path / "new")
    assert caught.value.code == 4
    assert capsys.readouterr().err == (
        f"error: {source}: it holds 2 networks: choose one with --key, which must be "
        "one of 'model', 'ema_state_dict'\n"
    )
    assert not (tmp_path / "new").exists()
    run(source, tmp_path / "new", "--key=ema_state_dict")
    bias = load_checkpoint(tmp_path / "new").model.weights[-1].numpy()
    np.testing.assert_array_equal(bias, other["linear.bias"])
    card = (tmp_path / "new" / "README.md").read_text()
    assert "The network lies under `ema_state_dict` in the file." in card
    assert "two swapped tensors of the same shape" in card


NORMALIZERS = [
    # A normalizer that differs from akamaster's, and one that equals it.
    ((0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616),
     "This checkpoint uses it; without it, the import assumes mean 0.4850, "
     "0.4560, 0.4060 and std 0.2290, 0.2240, 0.2250."),
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "as the import assumes."),
]  # fmt: skip


@pytest.mark.parametrize(("mean", "std", "says"), NORMALIZERS)
def test_a_normalizer_decides_the_preprocessing(
    mean, std, says, made, write_torch, tmp_path, capsys
):
    network = made("akamaster7")
    tensors = {f"1.{name}": x for name, x in network.tensors.items()}
    tensors |= {
        "0.mean": np.float32(mean).reshape(1, 3, 1, 1),
        "0.std": np.float32(std),
    }
    run(write_torch(tmp_path / "sequential.pth", tensors), tmp_path / "new")
    checkpoint = load_checkpoint(tmp_path / "new")
    data = checkpoint.config.data
    assert (data.normalization, data.channel_mean, data.channel_std) == (
        "mean_std", mean, std)  # fmt: skip
    holds = f"The file holds a normalizer, '0.mean' and '0.std': {values(mean, std)}"
    card = (tmp_path / "new" / "README.md").read_text()
    for text in (card, capsys.readouterr().out):
        assert holds in text and says in text
    logits = checkpoint.model(network.images).numpy()
    largest = np.abs(network.logits).max()
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)


def test_a_safetensors_file(made, tmp_path):
    network = made("akamaster7")
    header, data = {}, b""
    for name, x in network.tensors.items():
        kind = {"float32": "F32", "int64": "I64"}[x.dtype.name]
        end = len(data) + x.nbytes
        header[name] = {"dtype": kind, "shape": x.shape,
                        "data_offsets": [len(data), end]}  # fmt: skip
        data += x.tobytes()
    text = json.dumps(header).encode()
    source = tmp_path / "model.safetensors"
    source.write_bytes(len(text).to_bytes(8, "little") + text + data)
    run(source, tmp_path / "new")
    logits = load_checkpoint(tmp_path / "new").model(network.images).numpy()
    largest = np.abs(network.logits).max()
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)
