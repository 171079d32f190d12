import json

import pytest

import resnet_tf
from resnet_tf.checkpoints.weights import save_checkpoint
from resnet_tf.cli.main import main


@pytest.fixture
def ckpt(tiny, tmp_path):
    """Returns a checkpoint of an untrained network for the digits."""
    config = tiny()
    model = resnet_tf.build_model(config.model)
    save_checkpoint(tmp_path / "c", model, config, {"test_error": 1.0})
    return str(tmp_path / "c")


def test_the_output_and_the_record(ckpt, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["doctor", ckpt, f"--json_output={tmp_path / 'd.json'}"])
    assert caught.value.code == 1
    first, as_it_is, *others, last = capsys.readouterr().out.splitlines()
    assert first == f"{ckpt} on the first 360 test images"
    record = json.loads((tmp_path / "d.json").read_text())
    accuracy = record["attempts"][0]["accuracy"]
    assert accuracy == pytest.approx(100 - resnet_tf.evaluate(ckpt)["error"])
    assert as_it_is.split("  ")[1] == "as it is"
    assert as_it_is.endswith(f" {accuracy:.1f} % right")
    assert len(others) == len(record["attempts"]) - 1 > 10
    assert last == f"{ckpt}: {record['verdict']}"
    assert (record["stated"], record["healthy"]) == (99.0, False)
    assert record["versions"]["keras"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nothing"], 4, "ckpt must be a checkpoint or run folder"),
        ([], 2, "the following arguments are required: CKPT"),
        (["model_20", "--json_output=no/d.json"], 6, "json_output must be a file in"),
        (["model_20", "--data_dir=nothing"], 3, "cifar10"),
    ],
)
def test_wrong_arguments(arguments, code, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["doctor", *arguments])
    assert caught.value.code == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
