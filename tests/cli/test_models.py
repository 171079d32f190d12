import json

import pytest

from resnet_tf import build_model
from resnet_tf.checkpoints import resolve
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.cli import models
from resnet_tf.cli.main import main

METRICS = {
    "parameters": 75290,
    "validation_error": 8.44,
    "n_validation": 5000,
    "validation_interval": [7.7, 9.24],
    "test_error": 10.1,
    "n_test": 1000,
    "test_interval": [8.38, 12.12],
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Returns an empty folder for released models."""
    folder = tmp_path / "pretrained"
    folder.mkdir()
    for module in (resolve, models):
        monkeypatch.setattr(module, "pretrained_root", lambda: folder)
    return folder


@pytest.fixture
def released(root, tiny):
    """Writes `model_8`, and `model_8b` without any figures."""
    config = tiny()
    model = build_model(config.model)
    save_checkpoint(root / "model_8", model, config, METRICS)
    save_checkpoint(root / "model_8b", model, config, {})
    return root


def test_one_line_per_model(released, capsys):
    main(["models"])
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split()[:4] == ["model", "network", "data", "parameters"]
    megabytes = (released / "model_8" / "model.weights.h5").stat().st_size / 1e6
    assert first.split("  ")[0] == "model_8"
    for cell in ("ResNet-8", "digits", "75,290", f"{megabytes:.1f} MB",
                 "8.44 % (7.70 to 9.24, n = 5,000)",
                 "10.10 % (8.38 to 12.12, n = 1,000)"):  # fmt: skip
        assert f"  {cell}" in first
    assert second.split() == ["model_8b", "ResNet-8", "digits", "-",
                              f"{megabytes:.1f}", "MB", "-", "-"]  # fmt: skip


def test_the_record(released, tmp_path, capsys):
    target = tmp_path / "models.json"
    main(["models", f"--json_output={target}"])
    record = json.loads(target.read_text())
    assert [row["name"] for row in record["models"]] == ["model_8", "model_8b"]
    row = record["models"][0]
    assert row.items() >= METRICS.items()
    assert row["network"] == "ResNet-8" and "samples" not in row
    assert record["versions"]["keras"]


def test_speed(released, tmp_path, capsys, monkeypatch):
    for name, value in (("_BATCH", 2), ("_ROUNDS", 3), ("_SECONDS", 0.0)):
        monkeypatch.setattr(models, name, value)
    target = tmp_path / "models.json"
    main(["models", "--speed", f"--json_output={target}"])
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.endswith("images/s here")
    for row, line in zip(json.loads(target.read_text())["models"], lines, strict=True):
        assert len(row["samples"]) == 3 and min(row["samples"]) > 0
        assert row["images_per_second"] == sorted(row["samples"])[1]
        assert (row["batch"], row["mixed_precision"]) == (2, "float32")
        assert f"  {row['images_per_second']:,.0f} (" in line


def test_no_models(root, capsys):
    main(["models", "--speed"])
    assert capsys.readouterr().out == f"no released model in {root}\n"


def test_errors_are_one_line(released, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["models", "--json_output=nowhere/m.json"])
    assert caught.value.code == 6
    message = "error: json_output must be a file in a folder that exists, received"
    assert capsys.readouterr().err == f"{message} nowhere/m.json\n"
    (released / "model_8" / "model.weights.h5").unlink()
    with pytest.raises(SystemExit) as caught:
        main(["models"])
    assert caught.value.code == 4
    assert "model.weights.h5 is missing" in capsys.readouterr().err
