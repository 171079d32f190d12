import json

import pytest
import tensorflow as tf

from resnet_tf import native
from resnet_tf.analysis.profiling import peaks
from resnet_tf.cli.main import main

SHORT = ["--batch=2", "--seconds=0", "--model=resnet20"]
FLOAT32 = ["--mixed_precision=float32"]
needs_kernels = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(peaks, "SIDE", 64)
    monkeypatch.setattr(peaks, "BYTES", 2**20)


def test_training(tmp_path, capsys):
    target = tmp_path / "bench.json"
    plain = "--kernels=tensorflow"
    main(["bench", *SHORT, "--profile", plain, f"--json_output={target}"])
    lines = capsys.readouterr().out.splitlines()
    first = [line.split()[0] for line in lines[:5]]
    assert first == ["machine", "resnet20", "arithmetic", "achieved", "roofline"]
    # 40,551,040 multiply-adds with two operations each, in three passes.
    assert "243.3 MFLOP per image" in lines[2]
    record = json.loads(target.read_text())
    assert record["kernels"] == "tensorflow" and "TensorFlow's kernels" in lines[1]
    assert record["operations_per_image"] == 6 * 40_551_040
    assert (record["model"], record["work"], record["batch"]) == (
        "resnet20",
        "train",
        2,
    )
    peaks = record["peaks"]["operations_per_second"]
    peak = peaks[record["mixed_precision"]]
    assert record["fraction_of_peak"] == pytest.approx(
        record["images_per_second"] * 6 * 40_551_040 / peak
    )
    rows = record["layers"]
    assert sum(row["operations"] for row in rows) == 2 * 6 * 40_551_040
    assert record["seconds_allowed"] == pytest.approx(sum(r["seconds"] for r in rows))
    assert record["seconds_measured"] == 2 / record["images_per_second"]
    assert len(record["samples"]) == 5
    assert record["versions"]["tensorflow"] == tf.__version__
    runs = {one["type"]: one["count"] for one in record["profile"]["operations"]}
    # 19 convolutions per step, in three steps.
    assert runs["Conv2DBackpropFilter"] == 3 * 19
    text = "\n".join(lines)
    assert "conv 3x3 16->16             32x32x16      6" in text
    assert "Conv2DBackpropFilter" in text and "times overlap" in text


@needs_kernels
def test_training_prints_its_kernels(capsys):
    main(["bench", *SHORT, *FLOAT32])
    line = capsys.readouterr().out.splitlines()[1]
    assert f"training, float32, native kernels ({native.instructions()}), " in line


@needs_kernels
def test_inference_prints_its_kernels(capsys):
    main(["bench", *SHORT, "--work=inference", *FLOAT32])
    line = capsys.readouterr().out.splitlines()[1]
    assert f"inference, float32, native kernels ({native.instructions()}), " in line


def test_inference_without_a_profile(capsys):
    main(["bench", *SHORT, "--work=inference", *FLOAT32, "--kernels=tensorflow"])
    lines = capsys.readouterr().out.splitlines()
    assert "inference, float32, TensorFlow's kernels, batch 2" in lines[1]
    assert "81.1 MFLOP per image" in lines[2] and "three times" not in lines[2]
    assert "of the float32 matrix product" in lines[3]
    assert not any(line.startswith(("layers", "operations")) for line in lines)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model=resnet21"], "unknown network 'resnet21'; did you mean resnet32"),
        (["--batch=0"], "batch must be at least 1, received 0"),
        (["--batch=two"], "argument --batch: invalid int value"),
        (["--seconds=-1"], "seconds must be at least 0, received -1"),
        (["--seconds=nan"], "seconds must be at least 0, received nan"),
        (["--mixed_precision=float64"], "argument --mixed_precision: invalid choice"),
        (["--work=sleep"], "argument --work: invalid choice"),
        (["--json_output="], "json_output must not be empty"),
        (["resnet20"], "unrecognized arguments: resnet20"),
    ],
)
def test_wrong_arguments(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("resnet_tf.cli.bench.import_tensorflow", pytest.fail)
    with pytest.raises(SystemExit) as caught:
        main(["bench", *arguments])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}") and error.count("\n") == 1
