import time

import pytest

from resnet_tf.analysis.profiling.turns import Work, turns


def recorded(calls, name, seconds, amount):
    def run(steps):
        calls.append((name, steps))
        time.sleep(steps * seconds)

    return Work(run, amount)


def test_loops_take_turns():
    calls = []
    works = {name: recorded(calls, name, 0.002, 3) for name in "ab"}
    rates = turns(works, rounds=2, seconds=0)
    # One untimed step precedes each turn, and also the step that measures the length
    # of a step.
    assert calls == [("a", 1)] * 2 + [("b", 1)] * 2 + 2 * (
        [("a", 1)] * 2 + [("b", 1)] * 2
    )
    assert rates.keys() == {"a", "b"}
    assert all(len(found) == 2 and max(found) <= 3 / 0.002 for found in rates.values())


def test_steps_fill_a_turn(monkeypatch):
    clock = iter([0.0, 0.25, 1.0, 3.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    calls = []
    rates = turns({"a": Work(calls.append, 10)}, rounds=1, seconds=2)
    # A step takes 0.25 s, so 8 steps fill 2 s: 80 images in 2 s.
    assert calls == [1, 1, 1, 8]
    assert rates == {"a": [pytest.approx(40)]}
