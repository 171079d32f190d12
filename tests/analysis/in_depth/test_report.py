"""Tests `eval.py --report`, from the flags to the files."""

import importlib.util
import json

import numpy as np
import pytest
from PIL import Image

import eval as eval_script
import resnet_tf
from resnet_tf.analysis.in_depth import corruptions, robustness
from resnet_tf.analysis.in_depth.corruptions import CORRUPTIONS
from resnet_tf.analysis.paired import mcnemar
from resnet_tf.checkpoints.weights import load_checkpoint, save_checkpoint
from resnet_tf.data.digits import load
from resnet_tf.evaluation.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability,
    softmax,
)


@pytest.fixture(scope="module")
def runs(trained, tmp_path_factory):
    """Returns a run on the digits, and a checkpoint that is biased to the digit 3."""
    root = tmp_path_factory.mktemp("runs")
    (root / "one").symlink_to(trained)
    found = load_checkpoint(root / "one")
    found.model.get_layer("logits").bias.assign(8 * np.eye(10)[3])
    save_checkpoint(root / "two", found.model, found.config, {})
    return root


@pytest.fixture(scope="module")
def report(runs, tmp_path_factory):
    """Returns the folder of a report on the first run, and its figures."""
    folder = tmp_path_factory.mktemp("new") / "report"
    eval_script.main([
        f"--ckpt={runs / 'one'}", f"--report={folder}", f"--against={runs / 'two'}",
        f"--json_output={runs / 'result.json'}",
    ])  # fmt: skip
    return folder, json.loads((folder / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def networks(runs):
    """Returns the network of each run by its name, loaded once."""
    return {name: resnet_tf.load_pretrained(runs / name) for name in ("one", "two")}


@pytest.fixture(scope="module")
def shares(networks):
    """Returns the probabilities of the test images, by run."""
    images = load(test=True).images
    return {name: net.predict_images(images) for name, net in networks.items()}


def test_the_figures_match_the_evaluation(report, runs):
    _, record = report
    assert json.loads((runs / "result.json").read_text()) == record
    plain = resnet_tf.evaluate(runs / "one")
    assert record.pop("checkpoint") == "one"
    for name in plain.keys() - {"checkpoint", "preprocessing", "interval", "loss"}:
        assert record[name] == plain[name], name
    assert np.sum(record["confusion"]) == record["n"] == 360
    assert [c["error"] for c in record["classes"]] == pytest.approx(
        list(plain["per_class_error"].values())
    )
    assert str(runs) not in json.dumps(record)


def test_the_temperature_is_fitted_on_validation_images(report, networks, shares):
    _, record = report
    found = record["calibration"]
    split = load(test=False).part("validation", 1257, 1437)
    logits = np.log(networks["one"].predict_images(split.images))
    assert found["n"] == 180
    expected = fit_temperature(logits, split.labels)
    assert found["temperature"] == pytest.approx(expected, rel=1e-3)
    shares, labels = shares["one"], load(test=True).labels
    ece = expected_calibration_error(reliability(shares, labels))
    assert found["before"]["ece"] == pytest.approx(ece, abs=1e-3)
    after = softmax(np.log(shares), found["temperature"])
    ece = expected_calibration_error(reliability(after, labels))
    assert found["after"]["ece"] == pytest.approx(ece, abs=1e-3)
    assert sum(one["n"] for one in found["after"]["bins"]) == 360


def test_errors_on_corrupted_images(report, networks):
    _, record = report
    split = load(test=True)
    for number in (0, 2):
        kind, found = CORRUPTIONS[number], record["robustness"][number]
        images = kind.apply(split.images, kind.strengths[4], 0)
        seen = networks["one"].predict_images(images)
        error = 100 * np.mean(seen.argmax(axis=1) != split.labels)
        assert (found["name"], found["errors"][4]) == (kind.name, pytest.approx(error))
    errors = [error for one in record["robustness"] for error in one["errors"]]
    assert len(errors) == 25 and len(set(errors)) > 5
    assert record["corrupted_error"] == pytest.approx(np.mean(errors))


def test_another_checkpoint(report, shares):
    _, record = report
    labels = load(test=True).labels
    wrong = [shares[name].argmax(axis=1) != labels for name in ("one", "two")]
    pair = record["pair"]
    assert pair["checkpoint"] == "two"
    assert pair["difference"] == pytest.approx(
        100 * (wrong[0].mean() - wrong[1].mean())
    )
    expected = mcnemar(*wrong)._asdict()
    assert {name: pair[name] for name in expected} == expected
    low, high = pair["difference_interval"]
    assert low < pair["difference"] < high


def test_the_folder(report, runs):
    folder, record = report
    names = {path.name for path in folder.iterdir()}
    pictures = {"confusion.png", "reliability.png", "mistakes.png", "robustness.png"}
    assert names == {"evaluation.json", "evaluation.md", "report.html", *pictures}
    for name in pictures:
        with Image.open(folder / name) as picture:
            assert picture.width > 500 and picture.height > 500
    text = (folder / "evaluation.md").read_text()
    assert text.startswith("# ResNet-8 on digits\n")
    assert f"one has an error of {record['error']:.2f} % on 360 test images" in text
    assert "## Against another checkpoint\n\ntwo (ResNet-8) has an error of" in text
    page = (folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4


def test_without_validation_images(tiny, tmp_path, capsys, monkeypatch):
    for module in (corruptions, robustness):
        monkeypatch.setattr(module, "CORRUPTIONS", CORRUPTIONS[3:4])
    config = tiny(validation_size=0)
    model = resnet_tf.build_model(config.model)
    save_checkpoint(tmp_path / "run", model, config, {})
    eval_script.main([f"--ckpt={tmp_path / 'run'}", f"--report={tmp_path / 'new'}"])
    assert "no validation images to fit a temperature on" in capsys.readouterr().out
    record = json.loads((tmp_path / "new/evaluation.json").read_text())
    assert record["calibration"]["after"] is None and record["pair"] is None


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        eval_script.main(arguments)
    (line,) = capsys.readouterr().err.splitlines()
    return stop.value.code, line


def test_a_checkpoint_for_other_images(runs, tmp_path, capsys):
    code, line = refused(capsys, f"--ckpt={runs / 'one'}", "--against=model_20",
                         f"--report={tmp_path / 'new'}", "--nodownload",
                         "--data_dir=nowhere")  # fmt: skip
    assert (code, (tmp_path / "new").exists()) == (2, False)
    assert line == (
        "error: against must be for digits like ckpt, received a checkpoint for cifar10"
    )


def test_an_error_names_the_flag(runs, capsys):
    code, line = refused(capsys, f"--ckpt={runs / 'one'}", "--against=nowhere",
                         "--report=new")  # fmt: skip
    assert code == 4 and line.startswith("error: against must be a checkpoint or run")


def test_missing_packages(capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert refused(capsys, "--ckpt=model_20", "--report=new") == (
        2, "error: report needs jinja2 and scipy: pip install 'resnet_tf[report]'",
    )  # fmt: skip
