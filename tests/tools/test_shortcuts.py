import pytest
from PIL import Image
from shortcuts import draw, shortcuts

from resnet_tf.config import ExperimentConfig

RECORD = {
    "checkpoints": ["runs/WITH", "runs/WITHOUT"],
    "size": 3,
    "radius": 1.0,
    "seed": 0,
    "machine": {"cores": 2, "cpu": "CPU"},
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
}


def one(number, **model):
    settings = {"train_steps": 2109, "dataset": "cifar10", "init_lr": 0.05, **model}
    return {
        "network": f"network {number}",
        "table": f"landscape_{number}.csv",
        "n": 500,
        "loss": 0.25,
        "step": 2109,
        "validation_error": 10.0,
        "n_validation": 5000,
        "config": ExperimentConfig.from_flat(settings, "onecycle").to_dict(),
    }


def test_two_networks(tmp_path):
    for number, losses in enumerate(((1.0, 2.0, 3.0), (2.31, 2.30, 9.0))):
        rows = "".join(f"0,0,{loss},0\n" for loss in losses)
        table = tmp_path / f"landscape_{number}.csv"
        table.write_text(f"first,second,loss,error\n{rows}")
    slices = [one(0), one(1, shortcut="none")]
    text = shortcuts({**RECORD, "slices": slices}, tmp_path)
    assert "| images | 500 training images |\n| points | 3 x 3 |" in text
    assert "| reach | 1 times the norm of each filter |" in text
    error = "10.00 % (9.20 to 10.86, n = 5,000)"
    assert f"| network 0 | `A-pool` | 2,109 | {error} | 0.250 | 67 % |\n" in text
    assert f"| network 1 | `none` | 2,109 | {error} | 0.250 | 33 % |\n" in text
    command = "python train.py --recipe=onecycle --init_lr=0.05 --train_steps=2109"
    first, second, third = text.split("```")[1].splitlines()[1:]
    assert first == command
    assert second.startswith("python train.py --recipe=onecycle --shortcut=none ")
    assert third == (
        "python -m resnet_tf landscape --ckpt runs/WITH runs/WITHOUT --size=3 "
        "--images=500 --output=docs/landscape"
    )


def test_the_surfaces_are_drawn(tmp_path):
    draw(tmp_path / "shortcuts.png")
    with Image.open(tmp_path / "shortcuts.png") as image:
        assert image.size == (1200, 480)


def test_a_table_must_be_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        shortcuts({**RECORD, "slices": [one(0)]}, tmp_path)
