import time

import pytest

from resnet_tf.analysis.profiling.turns import Work, turns


def recorded(calls, name, seconds, amount):
    def run(steps):
        calls.append((name, steps))
        time.sleep(steps * seconds)

    return Work(run, amount)


def test_loops_take_turns_round_by_round():
    calls = []
    works = {name: recorded(calls, name, 0.002, 3) for name in "ab"}
    rates = turns(works, rounds=2, seconds=0)
    # One step that does not count goes before each turn, also before the one that
    # tells how long a step is.
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
    # A step takes 0.25 s, so 8 fill 2 s; 80 images in the 2 s that they took.
    assert calls == [1, 1, 1, 8]
    assert rates == {"a": [pytest.approx(40)]}
