import json

from reliability import NOT_MEASURED, kills, mutations, part

PLACE = {
    "seed": 0,
    "machine": {"cores": 2, "cpu": "CPU"},
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
}
FILE = {
    "reader": "weights alone",
    "file": "a.weights.h5",
    "bytes": 12345,
    "truncations": 200,
    "flips": 2000,
    "answers": {"refused, exit code 4": 2199, "traceback of OSError": 1},
    "findings": {"traceback of OSError (flip at byte 3, mask 1)": 1},
    "slowest_seconds": 0.25,
    "grown_bytes": 3_000_000,
}


def test_findings_are_counted():
    text = mutations({**PLACE, "files": [FILE, {**FILE, "findings": {}}]})
    assert text.splitlines()[2:9] == [
        "| damages | 4,400 in 2 files |",
        "| findings | 1 |",
        "| longest answer | 0.2 s |",
        "| largest growth of memory | 3 MB |",
        "| seed | 0 |",
        "| machine | 2 cores of CPU |",
        "| versions | TensorFlow 2.21.0, Keras 3.15.1 |",
    ]
    rows = text.splitlines()[-2:]
    assert rows[0].endswith("| traceback of OSError (flip at byte 3, mask 1) |")
    assert rows[1].endswith("traceback of OSError: 1 | none |")


KILLS = {
    "n": 50,
    "resumed": 49,
    "with_checkpoint": 48,
    "while_writing": 3,
    "step": 400,
    "variables": 87,
    "equal": True,
    "reports_equal": True,
}


def test_kills_are_counted():
    assert kills({**PLACE, **KILLS}).splitlines()[2:9] == [
        "| updates of the training | 400 |",
        "| kills (`kill -9`) | 50 |",
        "| kills while a checkpoint was half written | 3 |",
        "| kills before the first checkpoint | 2 |",
        "| resumed from the newest whole checkpoint | 49 of 50 |",
        "| variables, compared with an undisturbed training | 87, equal, bit for bit |",
        "| reports | equal, bit for bit |",
    ]
    text = kills({**PLACE, **KILLS, "equal": False, "reports_equal": False})
    assert "undisturbed training | 87, **not all equal** |" in text
    assert "| reports | **not all equal** |" in text


def test_a_record_may_be_missing(tmp_path):
    assert part(json.dumps, tmp_path / "none.json") == NOT_MEASURED
