import exports

from resnet_tf.checkpoints.resolve import pretrained_names
from resnet_tf.interop.export_formats import FORMATS

RECORD = {
    "format": "onnx",
    "runtime": "onnxruntime 1.32.0",
    "bytes": 1_121_374,
    "logit_difference": 1.144e-05,
    "largest_logit": 28.66,
    "agreement": 99.9,
    "error": 10.1,
    "original_error": 10.0,
    "latency_ms": 1.346,
    "failures": [],
}


def test_a_row():
    assert exports._row(RECORD) == [
        "`onnx`",
        "onnxruntime 1.32.0",
        "1.12 MB",
        "1.1e-05 (logits up to 28.7)",
        "99.90 %",
        "10.10 %",
        "10.00 %",
        "1.35 ms",
        "no",
    ]


def test_a_row_names_its_failures():
    record = {**RECORD, "failures": ["the error is 0.80 points worse"]}
    assert exports._row(record)[-1] == "the error is 0.80 points worse"


def test_every_released_model_has_a_row_for_its_int8_file():
    models = pretrained_names()
    text = exports.exports()
    assert text.count("| `tflite_int8` |") == len(models)
    for model in models:
        assert f"| `{model}` | `tflite_int8` |" in text
        assert f"| `{model}` | " in exports.models()


def test_every_format_has_a_bound():
    assert exports.bounds().count("\n| `") == len(FORMATS)
    assert "| `tflite_int8` | any | 0.5 points |" in exports.bounds()
