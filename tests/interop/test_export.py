import dataclasses
import functools
import importlib.util
import json
import os
import shutil
import signal
import zipfile

import numpy as np
import pytest
import tensorflow as tf

import resnet_tf
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.cli.command import guarded
from resnet_tf.cli.main import main
from resnet_tf.config import DataConfig, ExperimentConfig
from resnet_tf.data.sources import load_split
from resnet_tf.errors import OutputError
from resnet_tf.evaluation.full_pass import FullPass
from resnet_tf.interop import export as export_module
from resnet_tf.interop import export_formats
from resnet_tf.interop.export import export, failures
from resnet_tf.interop.export_formats import FORMATS

TEMPERATURE = 1.5
# Bounds of a file's size, in bytes per parameter.
BYTES = {"tflite_float16": (2, 3), "tflite_int8": (1, 2)}

# The first has the numbers of four images of the right size. The next two have as many
# numbers as one image of the right size.
OTHER_SHAPES = [(1, 64, 64, 3), (1, 16, 64, 3), (1, 64, 16, 3), (4, 16, 16, 3)]
OTHER_SHAPES += [(1, 1, 1, 3), (1, 31, 32, 3), (1, 32, 32, 1), (2, 224, 224, 3)]
# The error message of each runtime.
LITERT = "failed to prepare|failed to invoke"
REFUSED = {
    "saved_model": "ConcatOp : Dimension|must be equal|incompatible",
    "tflite": LITERT,
    "tflite_float16": LITERT,
    "tflite_int8": LITERT,
    "onnx": "Got invalid dimensions",
}


@pytest.fixture(scope="module")
def ckpt(trained, tmp_path_factory):
    """ResNet-8, trained on the digits, with a temperature."""
    folder = tmp_path_factory.mktemp("run") / "run"
    shutil.copytree(trained, folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["calibration"] = {"temperature": TEMPERATURE}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


@pytest.fixture(scope="module")
def load_once():
    """Returns a `load_pretrained` that loads each checkpoint once."""
    return functools.cache(resnet_tf.load_pretrained)


@pytest.fixture(scope="module")
def pass_once():
    """Returns a `FullPass` that is compiled once for each network."""
    return functools.cache(FullPass)


@pytest.fixture(scope="module")
def original(ckpt, load_once):
    """Returns the error of `ckpt`, 17 images and its probabilities for them."""
    split = load_split(DataConfig(dataset="digits"), "test")
    shares = load_once(str(ckpt)).predict_images(split.images)
    error = 100 * np.mean(shares.argmax(-1) != split.labels)
    return error, split.images[:17], shares[:17]


def exported(ckpt, name, output, tmp_path, capsys):
    """Runs `export`; returns the printed text and the JSON record."""
    for module in FORMATS[name].modules:
        pytest.importorskip(module)
    record = tmp_path / "record.json"
    main(["export", f"--ckpt={ckpt}", f"--format={name}", f"--output={output}",
          f"--json_output={record}"])  # fmt: skip
    return capsys.readouterr().out, json.loads(record.read_text())


def about(path, name):
    """Returns a file's metadata, read with the tools of its format."""
    if name == "saved_model":
        return json.loads((path / "assets.extra" / "metadata.json").read_text())
    if name == "onnx":
        import onnx

        (prop,) = onnx.load(path).metadata_props
        assert prop.key == "metadata"
        return json.loads(prop.value)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list("0123456789")
        return json.loads(archive.read("metadata.json"))


def opened(path, name):
    """Returns a function from images to the outputs of a file in its own runtime."""
    if name == "saved_model":
        signature = tf.saved_model.load(path).signatures["serving_default"]

        def run(images):
            outputs = signature(images=tf.constant(images))
            return {key: value.numpy() for key, value in outputs.items()}

        return run
    if name == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path)
        (given,) = session.get_inputs()
        assert (given.name, given.type) == ("images", "tensor(uint8)")
        assert given.shape == ["N", 32, 32, 3]
        keys = [output.name for output in session.get_outputs()]
        return lambda images: dict(
            zip(keys, session.run(None, {"images": images}), strict=True)
        )
    from ai_edge_litert.interpreter import Interpreter

    def run(images):
        runner = Interpreter(str(path)).get_signature_runner()
        assert runner.get_input_details()["images"]["dtype"] == np.uint8
        return runner(images=images)

    return run


@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_each_format(
    ckpt, original, load_once, pass_once, name, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(export_module, "load_pretrained", load_once)
    monkeypatch.setattr(export_module, "FullPass", pass_once)
    evaluated, images, shares = original
    output = tmp_path / "model"
    text, record = exported(ckpt, name, output, tmp_path, capsys)
    assert record["failures"] == [] and record["n"] == 360
    assert record["images"] == "digits test"
    assert (record["checkpoint"], record["output"]) == (ckpt.name, "model")
    assert record["calibrated_on"] == (128 if name == "tflite_int8" else None)
    assert record["error"] <= record["original_error"] + FORMATS[name].error
    assert record["original_error"] == pytest.approx(evaluated)
    assert f"error {record['error']:.2f} %, original {evaluated:.2f} %" in text
    assert "gives logits and probabilities (temperature 1.5) of 10" in text
    found = about(output, name)
    assert found["class_names"] == list("0123456789")
    assert (found["temperature"], found["network"]) == (TEMPERATURE, "ResNet-8")
    low, high = BYTES.get(name, (4, 5))  # a SavedModel contains its graph as well
    assert low < record["bytes"] / found["parameters"] < high or name == "saved_model"
    assert found["input"] == "uint8 (N, 32, 32, 3), RGB"
    run = opened(output, name)
    outputs = run(images)
    assert {key: (v.shape, str(v.dtype)) for key, v in outputs.items()} == {
        "logits": ((17, 10), "float32"),
        "probabilities": ((17, 10), "float32"),
    }
    atol = {"tflite_int8": 0.15, "tflite_float16": 1e-2}.get(name, 1e-4)
    np.testing.assert_allclose(outputs["probabilities"], shares, atol=atol)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "record.json"]
    assert found["other_sizes"] == "refused"
    for shape in OTHER_SHAPES:
        with pytest.raises(Exception, match=REFUSED[name]):
            run(np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("name", "difference", "error", "expected"),
    [
        ("saved_model", 9e-4, 5.1, []),
        ("saved_model", 2e-3, 5.0, ["a logit differs by 0.002, 0.001 is allowed"]),
        ("onnx", float("nan"), 5.0, ["a logit differs by nan, 0.01 is allowed"]),
        ("tflite_int8", 9.0, 5.5, []),
        ("tflite_int8", 0.0, 5.6, ["the error is 0.60 points worse, 0.5 are allowed"]),
        ("tflite_int8", 0.0, None, []),
    ],
)
def test_bounds(name, difference, error, expected):
    found = {"logit_difference": difference, "largest_logit": 10.0, "error": error}
    found["original_error"] = None if error is None else 5.0
    assert failures(found, FORMATS[name]) == expected


@pytest.fixture
def cifar(tmp_path):
    """Makes a checkpoint for CIFAR-10, whose images are not available."""

    def make(**settings):
        values = {"dataset": "cifar10", "num_residual_blocks": 1, **settings}
        config = ExperimentConfig.from_flat(values, "onecycle")
        model = resnet_tf.build_model(config.model)
        save_checkpoint(tmp_path / "cifar", model, config, {})
        return tmp_path / "cifar"

    return make


@pytest.fixture
def no_data(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nothing"))


def test_a_file_beyond_the_bounds(cifar, no_data, tmp_path, capsys, monkeypatch):
    bound = dataclasses.replace(FORMATS["saved_model"], logits=-1.0)
    monkeypatch.setitem(FORMATS, "saved_model", bound)
    record = tmp_path / "record.json"
    with pytest.raises(SystemExit) as caught:
        main(["export", f"--ckpt={cifar()}", "--format=saved_model",
              f"--output={tmp_path / 'm'}", f"--json_output={record}"])  # fmt: skip
    assert caught.value.code == 1
    printed = capsys.readouterr()
    (line,) = printed.err.splitlines()
    assert line.startswith("beyond the bound: a logit differs by ")
    assert json.loads(record.read_text())["failures"] == [line.partition(": ")[2]]
    assert "error not measured: the data set is not available" in printed.out


@pytest.mark.parametrize(
    ("settings", "atol"),
    [({"normalization": "whitening"}, 1e-5), ({"resize": 40}, 1e-3)],
)
def test_preprocessing_is_inside(cifar, no_data, tmp_path, settings, atol):
    pytest.importorskip("ai_edge_litert")
    ckpt = cifar(**settings)
    found = export(ckpt, "tflite", tmp_path / "m")
    assert (found["images"], found["n"], found["error"]) == ("digits test", 360, None)
    assert found["failures"] == [] and found["metadata"]["temperature"] is None
    assert found["metadata"]["class_names"][3] == "cat"
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    shares = resnet_tf.load_pretrained(ckpt).predict_images(images)
    outputs = opened(tmp_path / "m", "tflite")(images)
    np.testing.assert_allclose(outputs["probabilities"], shares, atol=atol)


def refused(capsys, code, *arguments):
    with pytest.raises(SystemExit) as caught:
        main(["export", *arguments])
    assert caught.value.code == code
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    "options", [["--format=tflite_int8"], ["--format=onnx", "--data_dir=nothing"]]
)
def test_images_that_are_missing(cifar, no_data, tmp_path, capsys, options):
    pytest.importorskip("ai_edge_litert")
    line = refused(
        capsys, 3, f"--ckpt={cifar()}", f"--output={tmp_path / 'm'}", *options
    )
    assert "cifar10" in line and not (tmp_path / "m").exists()


def test_a_network_with_batch_statistics_is_refused(cifar, tmp_path, capsys):
    line = refused(capsys, 2, f"--ckpt={cifar(bn_eval='batch')}",
                   "--format=saved_model", f"--output={tmp_path / 'm'}")  # fmt: skip
    assert "bn_eval must be moving for an export, received batch" in line


def test_a_network_that_the_format_cannot_hold(cifar, no_data, tmp_path, capfd,
                                               monkeypatch):  # fmt: skip
    def write(*arguments):
        os.write(2, b"a long\nexplanation")
        raise RuntimeError("no kernel\nfor Erf")

    monkeypatch.setitem(export_module._TOOLS, "saved_model", (write, None))
    line = refused(capfd, 2, f"--ckpt={cifar()}", "--format=saved_model",
                   f"--output={tmp_path / 'm'}")  # fmt: skip
    assert line == (
        "error: format saved_model cannot hold this network: no kernel for Erf"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"cifar"}


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].modules])
def test_a_missing_package(name, tmp_path, capsys, monkeypatch):
    def find_spec(module):
        return None if module in FORMATS[name].modules else object()

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    line = refused(capsys, 2, "--ckpt=model_20", f"--format={name}",
                   f"--output={tmp_path / 'm'}")  # fmt: skip
    modules = ", ".join(FORMATS[name].modules)
    assert line == (
        f"error: format {name} needs {modules}: pip install 'resnet_tf[export]'"
    )


def test_wrong_arguments(tmp_path, capsys):
    arguments = ["--ckpt=model_20", "--format=saved_model"]
    for output in (tmp_path, tmp_path / "no" / "m"):
        line = refused(capsys, 6, *arguments, f"--output={output}")
        assert line.endswith(
            f"output must be a new path in a folder that exists, received {output}"
        )
    line = refused(capsys, 2, arguments[0], "--format=tf", "--output=m")
    assert "invalid choice: 'tf'" in line
    line = refused(capsys, 4, "--ckpt=m", arguments[1], f"--output={tmp_path / 'm'}")
    assert "ckpt must be" in line
    with pytest.raises(resnet_tf.errors.SettingError, match="format"):
        export_formats.chosen_format("tf")


@pytest.mark.slow
def test_int8_with_max_pooling(tmp_path):
    pytest.importorskip("ai_edge_litert")
    settings = {"model": "uva_googlenet", "dataset": "digits", "num_classes": 10}
    config = ExperimentConfig.from_flat(settings, "onecycle")
    model = resnet_tf.build_model(config.model)
    save_checkpoint(tmp_path / "c", model, config, {})
    found = export(tmp_path / "c", "tflite_int8", tmp_path / "m")
    assert found["agreement"] > 80
    assert found["logit_difference"] < 0.3 * found["largest_logit"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_an_export_leaves_no_file(tmp_path, capsys, number):
    def work():
        with export_module._written(tmp_path / "a.tflite") as partial:
            partial.write_text("half")
            os.kill(os.getpid(), number)
            signal.pause()

    with pytest.raises(SystemExit) as stop:
        guarded(work)
    assert stop.value.code == 75
    assert os.listdir(tmp_path) == []


def test_a_file_written_during_an_export_stays(tmp_path):
    output = tmp_path / "a.tflite"
    with pytest.raises(OutputError, match="must be a new path"):
        with export_module._written(output) as partial:
            partial.write_text("new")
            output.write_text("mine")
    assert output.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.tflite"]
