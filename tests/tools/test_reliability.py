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


def test_findings_are_told():
    text = mutations({**PLACE, "files": [FILE, {**FILE, "findings": {}}]})
    words = " ".join(text.split())
    assert "4,400 damages of 2 files were tried, and what must not happen" in words
    assert "happened 1 times. The longest answer took 0.2 s" in words
    assert "2 cores of CPU, TensorFlow 2.21.0, Keras 3.15.1." in words
    rows = text.splitlines()[-2:]
    assert rows[0].endswith("| traceback of OSError (flip at byte 3, mask 1) |")
    assert rows[1].endswith("traceback of OSError: 1 | nothing |")


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


def test_kills_are_told():
    words = " ".join(kills({**PLACE, **KILLS}).split())
    assert "49 of 50 times the next process went on" in words
    assert "2 of the kills came before there was one" in words
    assert "All 87 variables" in words and "all reports are equal" in words
    words = kills({**PLACE, **KILLS, "equal": False, "reports_equal": False})
    assert "**Not all 87 variables**" in words and "**not all** reports" in words


def test_a_record_may_be_missing(tmp_path):
    assert part(json.dumps, tmp_path / "none.json") == NOT_MEASURED
