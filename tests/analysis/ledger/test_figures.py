import dataclasses

import numpy as np
import pytest

from resnet_tf.analysis.ledger.figures import ledger_figures
from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.analysis.ledger.runs import read_records
from resnet_tf.analysis.ledger.table import (
    ledger_markdown,
    ledger_table,
    notes,
    summary,
)
from resnet_tf.analysis.ledger.verdict import rules, verdict
from resnet_tf.analysis.paired import difference_interval
from resnet_tf.errors import CheckpointError
from tests.analysis.ledger.made import N, write_made, write_plan


@pytest.fixture
def plan(tmp_path):
    return read_plan(write_plan(tmp_path))


@pytest.fixture
def figures(plan, tmp_path):
    """Returns a function from the runs of a ledger to its figures."""

    def make(runs):
        for name, seed, options in runs:
            config = plan.entries[name].seeded(seed)
            write_made(tmp_path / "records", name, config, **options)
        return ledger_figures(plan, read_records(plan, tmp_path / "records"))

    return make


def wrong(*indices):
    return np.isin(np.arange(N), indices)


def test_the_figures_follow_from_the_records(figures, plan):
    errors = {
        "base": [range(30), range(32), range(31)],
        "fast": [range(3), range(2), range(3)],
    }
    runs = [
        (name, seed, {"wrong": own, "seconds": 10.0 if name == "base" else 12.0})
        for name, each in errors.items()
        for seed, own in enumerate(each)
    ]
    found = figures(runs)
    assert (found["n"], found["dataset"], found["network"]) == (N, "digits", "ResNet-8")
    base, fast, deep = found["rows"]
    assert base["errors"] == pytest.approx([100 * x / N for x in (30, 32, 31)])
    assert base["error"] == pytest.approx(100 * 31 / N)
    assert base["error_sd"] == pytest.approx(100 / N)
    assert base["interval"][0] < base["error"] < base["interval"][1]
    assert "difference" not in base
    assert fast["difference"] == pytest.approx(100 * (8 - 93) / 3 / N)
    rows = [np.stack([wrong(*own) for own in errors[x]]) for x in ("fast", "base")]
    assert fast["difference_interval"] == pytest.approx(difference_interval(*rows))
    assert (fast["common_seeds"], fast["verdict"]) == ([0, 1, 2], "helps")
    assert fast["relative_seconds"] == pytest.approx(1.2)
    assert fast["changes"] == {"init_lr": "0.2"}
    assert fast["multiply_adds"] == base["multiply_adds"]
    assert deep["updates"] < base["updates"]
    assert (deep["seeds"], deep["error"], deep["verdict"]) == (
        [],
        None,
        "too few seeds",
    )
    assert found["commits"] == ["c" * 40] and found["machines"] == ["2 cores of CPU"]


def test_only_common_seeds_are_compared(figures):
    found = figures(
        [
            ("base", 0, {"wrong": range(20)}),
            ("base", 2, {"wrong": range(90)}),
            ("fast", 0, {"wrong": range(20)}),
            ("fast", 1, {"wrong": range(90)}),
        ]
    )
    _, fast, _ = found["rows"]
    assert fast["common_seeds"] == [0] and fast["difference"] == 0
    assert fast["verdict"] == "too few seeds"
    assert fast["seeds"] == [0, 1]


def test_a_diverged_run_is_a_result(figures):
    runs = [(name, seed, {}) for seed in (0, 1) for name in ("base", "fast")]
    _, fast, _ = figures([*runs, ("fast", 2, {"diverged": "the loss"})])["rows"]
    assert (fast["seeds"], fast["diverged"]) == ([0, 1], [2])
    assert fast["verdict"] == "diverges" and fast["difference"] == 0


def test_times_are_compared_within_one_machine(figures):
    found = figures(
        [
            ("base", 0, {"seconds": 10.0}),
            ("base", 1, {"seconds": 100.0, "cpu": "slow"}),
            ("fast", 0, {"seconds": 20.0}),
            ("fast", 1, {"seconds": 100.0, "cpu": "slow"}),
            ("fast", 2, {"seconds": 9999.0, "cpu": "another"}),
            ("deep", 0, {"seconds": 5.0, "cpu": "another"}),
        ]
    )
    _, fast, deep = found["rows"]
    assert fast["relative_seconds"] == pytest.approx((2 + 1) / 2)
    assert deep["relative_seconds"] is None
    assert len(found["machines"]) == 3
    table = ledger_table(found)
    assert {row[-2] for row in table.rows} == {"-"}
    assert [row[-1] for row in table.rows] == ["1", "1.50", "-"]


def test_a_ledger_without_runs(figures):
    found = figures([])
    assert found["n"] is None and {row["error"] for row in found["rows"]} == {None}
    assert summary(found) == "too few seeds: fast, deep"
    assert "Machines: none yet." in notes(found)
    assert len(ledger_table(found).rows) == 3


def test_the_page(figures):
    runs = [(n, seed, {"wrong": [seed]}) for seed in (0, 1) for n in ("base", "fast")]
    text = ledger_markdown(figures(runs))
    head, rule, base, fast, deep = (x for x in text.splitlines() if x.startswith("|"))
    assert f"validation error (n = {N})" in head
    low_and_high = base.split(" | ")[3]
    assert base == (
        f"| base | recipe=quickstart, train_batch_size=64 | 0.56 ± 0.00 | "
        f"{low_and_high} | 2 | - | - | - | 39 x 64 | 10 s | 1 |"
    )
    assert fast.split(" | ")[5:8] == ["+0.00", "+0.00 to +0.00", "no difference shown"]
    assert deep.startswith("| deep | num_residual_blocks=2 | - | - | 0 | - | - | too f")
    assert "the arithmetic of 2 epochs of the base" in text
    assert "helps if the whole 95 % interval" in text


def test_records_of_other_images(figures, plan, tmp_path):
    figures([("base", 0, {"wrong": [1]}), ("fast", 0, {"wrong": [2]})])
    records = read_records(plan, tmp_path / "records")
    one = records["fast", 0]
    predictions = one.answers.predictions.copy()
    predictions[7] += 1
    for change, message in (
        ({"images_sha256": "1" * 64}, "must be for the same images, their images_sha2"),
        ({"predictions": predictions}, "what it calls wrong contradicts them"),
        ({"wrong": wrong(2, 7)}, "what it calls wrong contradicts them"),
    ):
        answers = dataclasses.replace(one.answers, **change)
        other = dataclasses.replace(one, answers=answers)
        with pytest.raises(CheckpointError, match=message):
            ledger_figures(plan, {**records, ("fast", 0): other})


@pytest.mark.parametrize(
    ("interval", "seeds", "diverged", "word"),
    [
        ((-2.0, -0.1), [0, 1], [], "helps"),
        ((0.1, 2.0), [0, 1], [], "hurts"),
        ((-0.1, 2.0), [0, 1], [], "no difference shown"),
        ((0.0, 0.0), [0, 1], [], "no difference shown"),
        ((-2.0, -0.1), [0], [], "too few seeds"),
        ((-2.0, -0.1), [0, 1], [2], "diverges"),
    ],
)
def test_verdicts(interval, seeds, diverged, word):
    row = {"difference_interval": interval, "common_seeds": seeds, "diverged": diverged}
    assert verdict(row) == word


def test_the_rules_count_verdicts_by_chance():
    assert "of 12 variations without any effect, 0.6 would" in rules(12)
    assert "by itself" not in rules(1)


def bootstrap(values, draws, generator):
    """Returns the 95 % interval of a bootstrap that draws seeds, then images."""
    runs, n = values.shape
    means = [
        values[generator.integers(0, runs, runs)][:, generator.integers(0, n, n)].mean()
        for _ in range(draws)
    ]
    return np.quantile(means, [0.025, 0.975])


def answers(runs, effect, generator, n=400):
    """Returns wrong predictions of runs whose seeds move the level of the error."""
    images = generator.normal(size=n)
    levels = effect * generator.normal(size=(runs, 1))
    return images + levels + 0.3 * generator.normal(size=(runs, n)) > 1


def test_a_bootstrap_of_three_seeds_is_too_narrow():
    generator = np.random.default_rng(0)
    ratios = []
    for _ in range(20):
        a, b = answers(3, 0.5, generator), answers(3, 0.5, generator)
        low, high = bootstrap(a.astype(float) - b, 200, generator)
        ours = difference_interval(a, b)
        ratios.append((ours[1] - ours[0]) / (100 * (high - low)))
    assert np.median(ratios) > 2


def test_with_many_seeds_a_bootstrap_agrees():
    generator = np.random.default_rng(1)
    a, b = answers(40, 0.5, generator), answers(40, 0.0, generator)
    low, high = bootstrap(a.astype(float) - b, 500, generator)
    ours = difference_interval(a, b)
    assert ours[1] - ours[0] == pytest.approx(100 * (high - low), rel=0.15)
