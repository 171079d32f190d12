import pytest

from resnet_tf.training.pace import Pace


def calls(pace, train_steps, seconds_per_step):
    sizes, step = [], 0
    while step < train_steps:
        steps = pace.next_call(step, train_steps)
        sizes.append(steps)
        pace.measured(steps, steps * seconds_per_step)
        step += steps
    return sizes


@pytest.mark.parametrize(
    ("seconds_per_step", "steps"),
    [(0.1, 17), (0.06, 23), (2.0, 1), (0.001, 391), (1 / 3, 5), (1 / 120, 196)],
)
def test_calls_last_one_to_two_seconds_if_possible(seconds_per_step, steps):
    sizes = calls(Pace(391, 0), 10 * 391, seconds_per_step)
    assert sizes[:2] == [1, 3]
    assert sizes.count(steps) >= len(sizes) / 3
    assert max(sizes) == max(steps, 3)


def test_a_huge_report_freq_costs_nothing():
    assert calls(Pace(2_000_000_000, 0), 30, 0.5)[:3] == [1, 3, 2]


@pytest.mark.parametrize("fixed", [0, 1, 7, 100])
def test_a_call_never_passes_a_report(fixed):
    pace, step, reports = Pace(10, fixed), 0, []
    while step < 35:
        steps = pace.next_call(step, 35)
        assert steps >= 1
        pace.measured(steps, 0.01)
        step += steps
        if step % 10 == 0:
            reports.append(step)
    assert (step, reports) == (35, [10, 20, 30])
