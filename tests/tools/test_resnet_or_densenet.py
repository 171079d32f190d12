"""The tables follow from the record of a comparison."""

import json

import pytest
import resnet_or_densenet
from resnet_or_densenet import (
    advice,
    families,
    networks,
    pairs,
    published,
    setup,
    times,
)


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


def test_the_best_of_each_family_are_compared(record):
    assert families(record).splitlines()[2:] == [
        "| best dense network | `uva_densenet`, 6.00 % |",
        "| best residual network | `uva_preact`, 5.00 % |",
        "| difference of the errors | +1.00 points (95 % interval -0.50 to +3.00), "
        "not significant |",
        "| parameters, dense over residual | 1.50 times |",
        "| multiply-adds, dense over residual | 1.00 times |",
        "| training time, dense over residual | 1.00 times |",
        "| time of one image, dense over residual | 1.50 times |",
        "| peak memory of training, dense over residual | 1.00 times |",
    ]


def test_an_interval_without_zero_is_significant(record):
    record["pairs"][0]["interval"] = [-3.0, -0.5]
    record["networks"][-1]["peak_memory"] = None
    lines = families(record).splitlines()
    assert "to +3.00), significant |" in lines[4]
    assert lines[-1] == "| time of one image, dense over residual | 1.50 times |"


def test_how_the_networks_were_trained(record):
    assert setup(record).splitlines()[2:] == [
        "| data set | cifar10, 1,000 test images |",
        "| runs of each network | 2 |",
        "| epochs | 6 |",
        "| machine | 2 cores of CPU |",
        "| versions | TensorFlow 2.21, Keras 3.15 |",
        "| commit | abc |",
        "| command | `python -m resnet_tf compare` |",
    ]


def test_the_published_errors_had_more_epochs(record):
    text = published(record)
    assert "| `uva_densenet` | 9.77 % | 180 | 6.00 % | 6 |" in text
    assert "ResNet-20" not in text


def test_equal_epochs_are_not_equal_time(record):
    record["networks"][3]["seconds"], record["networks"][1]["seconds"] = 90.0, 45.0
    assert times(record).splitlines()[2:] == [
        "| fastest training | `ResNet-20` |",
        "| slowest training | `uva_densenet` |",
        "| slowest over fastest | 2.00 times |",
    ]


def test_both_families_are_needed(record):
    del record["networks"][-1]
    with pytest.raises(ValueError, match="must hold a dense network"):
        families(record)


def test_every_network_and_every_pair_has_a_row(record):
    assert networks(record).count("\n| ") == 4
    assert "| uva_preact - uva_densenet | -1.00 | -3.00 to +0.50 |" in pairs(record)
    assert advice(record) == "> Take one."


def test_the_parts_follow_from_the_record(record, monkeypatch, tmp_path):
    path = tmp_path / "comparison.json"
    monkeypatch.setattr(resnet_or_densenet, "RECORD", path)
    path.write_text(json.dumps(record))
    found = resnet_or_densenet.parts()
    assert found["families"]() == families(record)
    assert found["pairs"]() == pairs(record)
