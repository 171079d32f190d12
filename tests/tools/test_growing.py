from growing import growth

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
    text = growth({**PLACE, "plans": plans})
    words = " ".join(text.split())
    assert "Each plan has 4,000.0 times 10^12 multiply-adds" in words
    assert "6 epochs of the deep network. One run each. Seed 0, 2 cores" in words
    assert "`grown` ends 1.00 points below `scratch`." in words
    assert text.endswith("\n\n```\npython benchmarks/growth.py\n```")
    assert text.splitlines()[-6:-4] == [
        "| `grown` | ResNet-20, 0.1, 200, 14.00 %; ResNet-56, 0.1, 200, 11.00 % | 3.0 "
        "| 11.00 % (10.16 to 11.90, n = 5,000) |",
        "| `scratch` | ResNet-56, 0.1, 400, 12.00 % | 1.5 "
        "| 12.00 % (11.13 to 12.93, n = 5,000) |",
    ]


def test_growth_that_does_not_pay():
    plans = {"scratch": [leg("ResNet-56", 11.0, 400)]}
    plans["grown"] = [leg("ResNet-20", 14.0, 200), leg("ResNet-56", 12.0, 200)]
    words = " ".join(growth({**PLACE, "plans": plans}).split())
    assert "Nothing beats `scratch`." in words
