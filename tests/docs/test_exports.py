import exports

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
    ]


def test_every_format_has_a_row_and_a_bound():
    for text in (exports.exports(), exports.bounds()):
        assert text.count("\n| `") == len(FORMATS)
    assert "| `tflite_int8` | any | 0.5 points |" in exports.bounds()
