"""The page follows from the record: the lines here from the smallest of records."""

import json

import pytest
import resnet_or_densenet
from resnet_or_densenet import written


def network(label, error, scale, memory=2**30):
    return {
        "label": label,
        "parameters": 1000 * scale,
        "macs": 2000,
        "bytes": 4000,
        "error": error,
        "error_sd": None,
        "interval": [error - 1, error + 1],
        "seeds": [0, 1],
        "validation_errors": [],
        "seconds": 60.0,
        "images_per_second": 10.0,
        "peak_memory": memory,
        "latency": {"1": 2.0 * scale, "128": 9.0},
        "histories": [[{"epoch": 1.0}, {"epoch": 5.98}]],
    }


@pytest.fixture
def record():
    return {
        "command": "python -m resnet_tf compare",
        "n": 1000,
        "split": "test",
        "dataset": "cifar10",
        "networks": [
            network("uva_googlenet", 1.0, 1),
            network("ResNet-20", 9.0, 1),
            network("uva_preact", 5.0, 2),
            network("uva_densenet", 6.0, 3),
        ],
        "pairs": [
            {
                "a": "uva_preact",
                "b": "uva_densenet",
                "difference": -1.0,
                "interval": [-3.0, 0.5],
                "only_a_wrong": 3,
                "only_b_wrong": 4,
                "p": 0.5,
            }
        ],
        "advice": ["Take one."],
        "versions": {"tensorflow": "2.21", "keras": "3.15"},
        "commit": "abc",
        "machine": {"cpu": "CPU", "cores": 2},
    }


def answer(record):
    return " ".join(written(record).split("\n\n")[1].split())


def test_the_best_of_each_family_are_compared(record):
    assert answer(record) == (
        "After 6 epochs of cifar10, `uva_densenet` errs on 6.00 % of 1,000 test "
        "images and `uva_preact`, the best residual network, on 5.00 %: +1.00 points "
        "(95 % interval -0.50 to +3.00), which does not tell the two apart. The dense "
        "network takes 1.50 times the parameters, 1.00 times the multiply-adds, 1.00 "
        "times the training time, 1.50 times the time of one image and 1.00 times the "
        "peak memory of training."
    )


def test_an_interval_without_zero_tells_apart(record):
    record["pairs"][0]["interval"] = [-3.0, -0.5]
    record["networks"][-1]["peak_memory"] = None
    assert "which tells the two apart" in answer(record)
    assert answer(record).endswith(
        "training time and 1.50 times the time of one image."
    )


def test_what_is_published_had_more_epochs(record):
    text = " ".join(written(record).split())
    assert "trained for 180 epochs, these for 6:" in text
    assert "| `uva_densenet` | 9.77 % | 6.00 % |" in text
    assert "`ResNet-20` |" not in text
    record["dataset"] = "digits"
    assert "published" not in written(record)


def test_equal_epochs_are_not_equal_time(record):
    record["networks"][3]["seconds"], record["networks"][1]["seconds"] = 90.0, 45.0
    text = " ".join(written(record).split())
    assert "in that of `uva_densenet`, `ResNet-20` does 2.00 times as many." in text


def test_both_families_are_needed(record):
    del record["networks"][-1]
    with pytest.raises(ValueError, match="must hold a dense network"):
        written(record)


def test_no_comparison_no_page(record, monkeypatch, tmp_path):
    path = tmp_path / "comparison.json"
    monkeypatch.setattr(resnet_or_densenet, "RECORD", path)
    assert resnet_or_densenet.page() is None and resnet_or_densenet.link() == ""
    path.write_text(json.dumps(record))
    assert resnet_or_densenet.page() == written(record)
    assert "(resnet_or_densenet.md)" in resnet_or_densenet.link()
    assert "![" not in written(record)
    (tmp_path / "costs.png").touch()
    assert written(record).count("](comparison/costs.png)") == 1
