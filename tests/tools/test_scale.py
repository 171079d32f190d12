"""The tables follow from the record, and from the assumed machines."""

import json

import scale

RECORD = {
    "model": "net",
    "batch": 100,
    "replicas_are": "processes",
    "busy_before": 0.25,
    "machine": {"cores": 2, "cpu": "a CPU"},
    "versions": {"tensorflow": "2"},
    "rows": [
        {"replicas": 1, "sync_batch_norm": False, "images_per_second": [40, 50, 60]},
        {"replicas": 2, "sync_batch_norm": True, "images_per_second": [99.0, 101.0]},
    ],
}


def test_the_measured_speed(tmp_path, monkeypatch):
    monkeypatch.setattr(scale, "RECORD", tmp_path / "scale.json")
    assert scale.measured() == "Not measured."
    scale.RECORD.write_text(json.dumps(RECORD))
    text = scale.measured()
    assert "| replicas | processes of one machine |" in text
    assert "| machine | 2 cores of a CPU |" in text
    assert "| cores that other programs used before | 25 % |" in text
    rows = text.splitlines()[2:4]
    assert rows[0] == "| 1 | no | 50.00 (40.00 to 60.00) | 2000 | 1.00 |"
    assert rows[1] == "| 2 | yes | 100.00 (99.00 to 101.00) | 1000 | 2.00 |"


def test_what_an_update_exchanges():
    (row,) = [row for row in scale.networks().splitlines() if "`resnet110`" in row]
    # Four bytes a parameter, two exchanges a batch norm, six operations a multiply-add.
    exchanged = "1,727,962 | 6.9 MB | 32 kB in 218 exchanges | 1.52 |"
    assert row == f"| `resnet110` | {exchanged}"


def test_assumed_machines_are_stated():
    text = scale.saturation()
    assert "| batch over all replicas | 1,024 |" in text
    assert "| arithmetic of a GPU | 5 TFLOP/s |" in text
    assert "| exchange, 8 hosts of 8 GPUs | 100 us |" in text
    (row,) = [
        row
        for row in text.splitlines()
        if row.startswith("| 8 GPUs of one host | `resnet110`")
    ]
    # 1024 / 8 images of 1.517 * 10^9 operations at 5 * 10^12 a second.
    assert "| 38.8 | 0.12 | 4.4 |" in row and row.endswith("| arithmetic |")
