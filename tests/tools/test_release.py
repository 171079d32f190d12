import json
import shutil

import card
import numpy as np
import pytest
import shrink
from absl import flags
from golden import generated_images
from release import command, release

import hyper_parameters
import resnet_tf
from resnet_tf.checkpoints.weights import load_checkpoint, save_checkpoint
from resnet_tf.cli import train
from resnet_tf.cli.settings import experiment, given_settings
from resnet_tf.config import DataConfig, ExperimentConfig
from resnet_tf.evaluation.calibration import softmax


@pytest.fixture(scope="module")
def evaluated(tiny, tmp_path_factory):
    """Returns a function from settings to a checkpoint on the digits and its errors."""
    found = {}

    def checkpoint(**settings):
        key = tuple(settings.items())
        if key not in found:
            config = tiny(**settings)
            model = resnet_tf.build_model(config.model)
            for weight in model.weights:  # nothing that float16 would change
                weight.assign(weight.numpy().astype("float16"))
            folder = tmp_path_factory.mktemp("checkpoint")
            save_checkpoint(folder, model, config, {"step": 4})
            errors = {}
            for split in ("validation", "test"):
                result = resnet_tf.evaluate(folder, split)
                errors |= {f"{split}_error": result["error"], f"n_{split}": result["n"]}
            found[key] = folder, errors
        return found[key]

    return checkpoint


@pytest.fixture
def make_run(evaluated, tmp_path):
    """Returns a function that writes the folder of a finished run on the digits."""

    def make(name, **settings):
        checkpoint, errors = evaluated(**settings)
        folder = shutil.copytree(checkpoint, tmp_path / name)
        metrics = json.loads((folder / "metrics.json").read_text()) | errors
        (folder / "metrics.json").write_text(json.dumps(metrics))
        summary = {
            **metrics,
            "seconds": 90.0,
            "images_per_second": 1234.0,
            "seed": 0,
            "versions": {"keras": "3"},
            "commit": f"commit of {name}",
            "machine": {"cpu": "CPU", "cores": 2, "system": "Linux"},
        }
        (folder / "summary.json").write_text(json.dumps(summary))
        (folder / "history.csv").write_text("step\n")
        return folder

    return make


def test_a_released_model(make_run, tmp_path):
    run, target = make_run("run"), tmp_path / "model_8"
    release(run, target)
    names = {path.name for path in target.iterdir()}
    assert names == {"config.json", "history.csv", "logits.json", "metrics.json",
                     "model.weights.h5", "README.md"}  # fmt: skip
    record = json.loads((target / "logits.json").read_text())
    metrics = json.loads((target / "metrics.json").read_text())
    assert record["weights_sha256"] == metrics["weights_sha256"]
    assert record["seed"] == 0 and record["versions"]["tensorflow"]
    found = metrics["calibration"]
    assert (found["fitted_on"], found["n"], found["n_test"]) == ("validation", 180, 360)
    temperature = found["temperature"]
    shares = softmax(np.array(record["logits"]), temperature)
    pretrained = resnet_tf.load_pretrained(target)
    found = pretrained.predict_images(generated_images(pretrained.config.data))
    np.testing.assert_allclose(found, shares, atol=1e-5)
    text = (target / "README.md").read_text()
    for part in ('ResNet-8 (order "pre", shortcuts "A-pool") for digits',
                 "project's own command:",
                 "of one run (seed 0)", "| time | 1 min 30 s", "75,290",
                 f"| temperature | {temperature:.4f}, fitted on 180 valid",
                 "probabilities are calibrated for its own data only",
                 "python train.py --recipe=quickstart --train_steps=4"):  # fmt: skip
        assert part in text, part
    assert "float16" not in text


def test_a_card_names_the_lanes(tiny):
    row = "| lanes | 2: batch norm normalized each part by itself |\n"
    assert card._lanes(tiny(lanes=2).train) == row
    assert card._lanes(tiny().train) == ""


def test_several_runs_and_float16(make_run, tmp_path):
    runs, target = [make_run("one"), make_run("two", seed=1)], tmp_path / "model_8"
    release(runs[1], target, runs[:1], float16=True)
    metrics = json.loads((target / "metrics.json").read_text())
    assert metrics["seconds"] == 180
    assert [leg["commit"] for leg in metrics["legs"]] == [
        "commit of one",
        "commit of two",
    ]
    assert metrics["float16"]["kept"] and metrics["float16"]["n"] == 180
    weights = target / "model.weights.h5"
    assert metrics["float16"]["bytes"] == weights.stat().st_size
    assert weights.stat().st_size < (runs[1] / weights.name).stat().st_size - 140_000
    model = load_checkpoint(target).model  # its SHA-256 is the one stated
    for old, new in zip(
        load_checkpoint(runs[1]).model.weights, model.weights, strict=True
    ):
        np.testing.assert_array_equal(old, new)
    text = (target / "README.md").read_text()
    for part in ("each starting from the weights of the one before",
                 "the last of 2 runs (seed 1)", "| updates | 8 of 16", "| run 2 | 4 ",
                 "| time | 3 min 00 s", "kernels in float16: validation"):  # fmt: skip
        assert part in text, part


def test_the_runs_of_a_released_model_belong_to_the_next(
    make_run, tmp_path, monkeypatch
):
    for name in ("calibrate", "write_logits"):
        monkeypatch.setattr(f"release.{name}", lambda folder: None)
    first, second, third = (tmp_path / f"model_{depth}" for depth in (8, 14, 20))
    release(make_run("one"), first)
    release(make_run("two"), second, [first])
    release(make_run("three"), third, [second])
    metrics = json.loads((third / "metrics.json").read_text())
    assert [leg["commit"] for leg in metrics["legs"]] == [
        "commit of one", "commit of two", "commit of three",
    ]  # fmt: skip
    assert (
        metrics["legs"][0]["command"]
        == json.loads((first / "metrics.json").read_text())["command"]
    )
    assert metrics["seconds"] == 270


def test_a_model_may_start_from_the_one_with_its_name(make_run, tmp_path, monkeypatch):
    for name in ("calibrate", "write_logits"):
        monkeypatch.setattr(f"release.{name}", lambda folder: None)
    target = tmp_path / "model_8"
    release(make_run("one"), target)
    release(make_run("two", seed=1, init_from="model_8"), target, [target])
    legs = json.loads((target / "metrics.json").read_text())["legs"]
    assert [leg["commit"] for leg in legs] == ["commit of one", "commit of two"]
    assert ["--seed=1" in leg["command"] for leg in legs] == [False, True]
    assert "`--init_from=model_8` names the model" in (target / "README.md").read_text()


def test_the_command_gives_the_config_again():
    settings = {"model": "densenet", "depth": 100, "bottleneck": True,
                "compression": 0.5, "seed": 3}  # fmt: skip
    config = ExperimentConfig.from_flat(settings, "onecycle")
    line = (
        "python train.py --recipe=onecycle --model=densenet --depth=100 "
        "--bottleneck=True --compression=0.5 --seed=3"
    )
    assert command(config) == line
    values = flags.FlagValues()
    hyper_parameters.define(train, values)
    values(line.split()[1:])
    given = hyper_parameters.namespace(train, values)
    assert experiment(given_settings(given), given.recipe) == config


def test_float16_that_changes_the_error_is_not_kept(make_run, tmp_path, monkeypatch):
    run, target = make_run("run"), tmp_path / "model_8"
    errors = iter([8.0, 8.5])
    monkeypatch.setattr(shrink, "_result", lambda *_: {"error": next(errors), "n": 180})
    release(run, target, float16=True)
    weights = target / "model.weights.h5"
    assert weights.read_bytes() == (run / weights.name).read_bytes()
    tried = json.loads((target / "metrics.json").read_text())["float16"]
    assert (tried["kept"], tried["float16_error"]) == (False, 8.5)
    assert "float32; kernels in float16: validation error 8.50 %, with all in " in (
        (target / "README.md").read_text()
    )


def test_generated_images():
    images = generated_images(DataConfig(dataset="digits"))
    assert (images.shape, images.dtype) == ((16, 32, 32, 3), np.uint8)
    # Patches of 4x4 pixels of one colour.
    np.testing.assert_array_equal(images[:, ::4, ::4], images[:, 3::4, 3::4])
    assert not np.array_equal(images, generated_images(DataConfig(), 1))
