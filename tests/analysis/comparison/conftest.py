import pytest


def network(label, error, parameters, *, seconds=60.0, latency=5.0, macs=None):
    rates = (0.1, 0.1, 0.01, 0.001)
    rows = [
        {
            "epoch": float(epoch),
            "train_error": 50.0 / epoch,
            "validation_error": 60.0 / epoch,
            "learning_rate": rates[epoch - 1],
        }
        for epoch in range(1, 5)
    ]
    return {
        "label": label,
        "parameters": parameters,
        "macs": macs or 100 * parameters,
        "bytes": 4 * parameters,
        "errors": [error - 0.5, error + 0.5],
        "error": error,
        "error_sd": 0.707,
        "interval": [error - 2, error + 2],
        "seeds": [0, 1],
        "runs": ["runs/a", "runs/b"],
        "validation_errors": [error, error],
        "n_validation": 50,
        "seconds": seconds,
        "images_per_second": 1234.4,
        "peak_memory": 2**30,
        "histories": [rows, rows],
        "latency": {"1": latency, "128": 128.0},
        "confusion": [[9, 1], [2, 8]],
    }


def pair(a, b, low, high):
    return {
        "a": a,
        "b": b,
        "difference": (low + high) / 2,
        "interval": [low, high],
        "seeds": [0, 0],
        "only_a_wrong": 3,
        "only_b_wrong": 1,
        "p": 0.625,
    }


@pytest.fixture
def record():
    """Returns two equal networks, one of them large, and a third, worse network."""
    return {
        "command": "python -m resnet_tf compare",
        "split": "test",
        "n": 1000,
        "dataset": "digits",
        "class_names": ["cat", "<b>dog</b>"],
        "networks": [
            network("large", 5.0, 900_000, seconds=50.0),
            network("small", 5.5, 90_000, latency=2.0),
            network("poor", 9.0, 900_000, seconds=90.0),
        ],
        "pairs": [
            pair("large", "small", -1.5, 0.5),
            pair("large", "poor", -6.0, -2.0),
            pair("small", "poor", -5.5, -1.5),
        ],
        "advice": ["Take <i>small</i>."],
        "versions": {"python": "3.11", "other": None},
        "commit": "abc",
        "machine": {"cpu": "CPU", "cores": 2},
    }
