import json
from pathlib import Path

import pytest

from resnet_tf.analysis.comparison.exports import read_export, require_dataset
from resnet_tf.analysis.comparison.report import page
from resnet_tf.analysis.page import markdown
from resnet_tf.errors import SettingError
from resnet_tf.evaluation.counts import wilson_interval

WRITTEN = {
    "format": "onnx",
    "metadata": {"checkpoint": "model_20", "parameters": 269_722},
    "images": "digits test",
    "n": 500,
    "error": 10.2,
    "bytes": 1_121_374,
    "latency_ms": 1.34,
    "runtime": "onnxruntime 1.32.0",
    "machine": {"cpu": "CPU", "cores": 4, "system": "Linux"},
}


@pytest.fixture
def write(tmp_path):
    def made(**values) -> Path:
        path = tmp_path / "export.json"
        path.write_text(json.dumps(WRITTEN | values))
        return path

    return made


def test_an_export_becomes_a_row(record, write):
    export = read_export(write())
    assert export["interval"] == list(wilson_interval(51, 500))
    record["exports"] = [export]
    lines = markdown(page(record)).splitlines()
    row = next(line for line in lines if line.startswith("| model_20"))
    low, high = wilson_interval(51, 500)
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "model_20 as onnx", "10.20 % (n = 500)", f"{low:.2f} to {high:.2f}", "-", "-",
        "269,722", "-", "1.12 MB", "-", "-", "-", "1.3 ms", "-",
    ]  # fmt: skip
    assert any("run by onnxruntime 1.32.0 on 4 cores of CPU." in line for line in lines)


def test_the_number_of_images_is_shown_only_if_it_differs(record, write):
    record["exports"] = [read_export(write(n=1000))]
    assert "| model_20 as onnx | 10.20 % | " in markdown(page(record))


@pytest.mark.parametrize("values", [{"images": "cifar10 test"}, {"error": None}])
def test_an_export_run_on_other_images(write, values):
    export = read_export(write(**values))
    with pytest.raises(
        SettingError, match="run on digits test images, model_20 as onn"
    ):
        require_dataset([export], "digits")
    require_dataset([read_export(write())], "digits")


def test_the_committed_exports_can_be_compared():
    paths = sorted((Path(__file__).parents[3] / "docs/export").glob("*/*.json"))
    assert len(paths) == 8
    for path in paths:
        require_dataset([read_export(path)], "cifar10")
