from growing import growth, setup

PLACE = {
    "seed": 0,
    "machine": {"cores": 2, "cpu": "CPU"},
    "versions": {"tensorflow": "2.21.0", "keras": "3.15.1"},
    "command": "benchmarks/growth.py",
    "dataset": "cifar10",
    "epochs": 6.0,
}


def leg(network, error, updates):
    return {
        "network": network,
        "init_lr": 0.1,
        "updates": updates,
        "multiply_adds": 10**13 * updates,
        "seconds": 90.0,
        "validation_error": error,
        "n_validation": 5000,
    }


def test_the_best_plan_comes_first():
    plans = {
        "scratch": [leg("ResNet-56", 12.0, 400)],
        "grown": [leg("ResNet-20", 14.0, 200), leg("ResNet-56", 11.0, 200)],
    }
    record = {**PLACE, "plans": plans}
    assert setup(record).splitlines()[2:] == [
        "| data set | cifar10 |",
        "| epochs of the deep network | 6 |",
        "| multiply-adds of each plan | 4,000.0 * 10^12 |",
        "| seed | 0 |",
        "| machine | 2 cores of CPU |",
        "| versions | TensorFlow 2.21.0, Keras 3.15.1 |",
        "| command | `python benchmarks/growth.py` |",
    ]
    assert growth(record).splitlines()[2:] == [
        "| `grown` | ResNet-20, 0.1, 200, 14.00 %; ResNet-56, 0.1, 200, 11.00 % | 3.0 "
        "| 11.00 % (10.16 to 11.90, n = 5,000) | -1.00 |",
        "| `scratch` | ResNet-56, 0.1, 400, 12.00 % | 1.5 "
        "| 12.00 % (11.13 to 12.93, n = 5,000) | +0.00 |",
    ]


def test_scratch_comes_first_if_it_is_best():
    plans = {"scratch": [leg("ResNet-56", 11.0, 400)]}
    plans["grown"] = [leg("ResNet-20", 14.0, 200), leg("ResNet-56", 12.0, 200)]
    first, second = growth({**PLACE, "plans": plans}).splitlines()[2:]
    assert first.startswith("| `scratch` |") and first.endswith("| +0.00 |")
    assert second.startswith("| `grown` |") and second.endswith("| +1.00 |")
