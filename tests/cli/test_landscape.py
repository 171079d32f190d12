import csv
import json

import pytest
from PIL import Image

import resnet_tf
from resnet_tf.cli.main import main


@pytest.mark.usefixtures("bare")
def test_two_networks_side_by_side(tiny, tmp_path, capsys):
    for name, seed in (("one", 0), ("two", 1)):
        resnet_tf.train(tiny(train_steps=1, seed=seed), tmp_path / name)
    output, runs = tmp_path / "new/slice", [str(tmp_path / x) for x in ("one", "two")]
    capsys.readouterr()
    main([
        "landscape", "--ckpt", *runs, f"--output={output}", "--size=3", "--images=20",
    ])  # fmt: skip
    assert capsys.readouterr().out == (f"{output}/landscape.png: 2 of 3 x 3 points\n")
    record = json.loads((output / "landscape.json").read_text())
    assert record["checkpoints"] == ["one", "two"]
    assert record["size"] == 3 and record["slices"][1]["n"] == 20
    for number, found in enumerate(record["slices"]):
        metrics = tmp_path / record["checkpoints"][number] / "metrics.json"
        trained = json.loads(metrics.read_text())
        assert found["weights_sha256"] == trained["weights_sha256"]
        assert found["config"]["train"]["seed"] == number
        assert (found["step"], found["n_validation"]) == (1, trained["n_validation"])
        with open(output / f"landscape_{number}.csv") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 9
        middle = {name: float(value) for name, value in rows[4].items()}
        assert middle == {
            "first": 0.0, "second": 0.0, "loss": found["loss"], "error": found["error"],
        }  # fmt: skip
    with Image.open(output / "landscape.png") as picture:
        assert picture.width > 1.5 * picture.height


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--size=4", "size must be odd and above 1, received 4"),
        ("--radius=0", "radius must be a number above 0, received 0.0"),
        ("--images=0", "images must be at least 1, received 0"),
        ("--seed=-1", "seed must be at least 0, received -1"),
    ],
)
def test_wrong_arguments(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["landscape", "--ckpt=model_20", f"--output={tmp_path}", flags])
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"error: {message}\n"
