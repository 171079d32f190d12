import json

import performance


def test_the_table(tmp_path, monkeypatch):
    row = {
        "name": "batch norm",
        "plain": "88 channels",
        "tried": "96 channels",
        "precision": "bfloat16",
        "shape": "8x32x32x88",
        "used_in": "resnet_tf/layers/vectors.py",
        "ratio_median": 8.0,
        "ratio_min": 7.5,
        "ratio_max": 10.25,
        "verdict": "faster",
    }
    record = {
        "command": "benchmarks/tried.py",
        "plan": {"rounds": 5, "seconds": 0.5},
        "machine": {"cpu": "a CPU", "cores": 2, "flags": ["avx2"]},
        "tried": [
            row,
            row | {"option": True},
            row | {"used_in": "", "peak_ratio": 0.4},
        ],
        "absent": [{"loop": "train net memory", "reason": "refused"}],
    }
    (tmp_path / "tried.json").write_text(json.dumps(record))
    monkeypatch.setattr(performance, "BENCHMARKS", tmp_path)
    known, table = performance.tried().split("\n\n")
    assert known.splitlines()[2:] == [
        "| machine | 2 cores of a CPU (AVX2) |",
        "| rounds | 5, each turn about 0.5 s |",
        "| absent | train net memory: refused |",
    ]
    *_, used, option, unused = table.splitlines()
    same = (
        "| batch norm, bfloat16, 8x32x32x88 | 96 channels | 88 channels "
        "| 8.00 (7.50 to 10.25) "
    )
    assert used == same + "|  | faster | [yes](../resnet_tf/layers/vectors.py) |"
    assert option == used.replace("[yes]", "[option]")
    assert unused == same + "| 0.40 | faster | no |"
