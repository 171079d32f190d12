import sys

import pytest
from harness import loop as loop_module
from harness.figures import ratios, table
from harness.loop import OURS, PEAK, TORCH, WORKS, Loop, loops
from harness.peaks import peak_loops, roofline
from harness.process import AbsentError, LoopProcess
from harness.race import Plan, Result, fastest, heats, race

PLAN = Plan(rounds=4, qualifying=2, seconds=0.03, timeout=600)


@pytest.fixture
def stubs(monkeypatch):
    """Replaces every side by the stub."""
    modules = dict.fromkeys(loop_module.MODULES, "tests.benchmarks.stub")
    monkeypatch.setattr("harness.process.MODULES", modules)


def run(*sides):
    loops = [
        Loop("train", "resnet20", side, precision, variant)
        for side, precision, variant in sides
    ]
    return race(loops, PLAN, lambda loop: sys.executable, lambda line: None)


def test_the_fastest_variant_races_against_the_peers(stubs):
    slow, fast, peer = run(
        (OURS, "float32", "slow"), (OURS, "float32", "fast"), (TORCH, "float32", "slow")
    )
    # Two rounds of the variants, then four rounds of the fastest and its peer.
    assert [len(r.samples) for r in (slow, fast, peer)] == [2, 4, 4]
    assert [r.qualified for r in (slow, fast, peer)] == [False, True, True]
    # At most 128 images in 5 ms and in 10 ms.
    assert max(fast.samples) <= 128 / 0.005 and max(peer.samples) <= 128 / 0.01
    assert fast.facts["first_step_seconds"] > 0 and fast.facts["peak_bytes"] >= 0
    assert fastest([slow, fast]) is fast


def test_a_side_that_cannot_run_is_absent_with_a_reason(stubs):
    ours, missing, failed, dead = run(
        (OURS, "float32", "slow"),
        (TORCH, "float32", "absent"),
        (TORCH, "bfloat16", "fails"),
        (TORCH, "bfloat16", "dies"),
    )
    assert not ours.absent and len(ours.samples) == 4
    assert missing.absent == "No module named 'nothing'"
    assert failed.absent == "ended with code 1: the last line"
    assert dead.absent.startswith("ended with code 3")
    text = table([ours, missing, failed, dead], [])
    assert text.count("absent: ") == 3 and " times " not in text
    assert missing.to_dict()["absent"] and "absent" not in ours.to_dict()


def test_a_missing_interpreter_is_absent(stubs):
    with pytest.raises(AbsentError, match="^python: No such file"):
        LoopProcess(Loop("train", "", TORCH, "float32"), "nowhere/python", 5)


def test_older_instructions_are_set_for_every_side(stubs, monkeypatch):
    told = []

    def popen(command, env, **kwargs):
        told.append(env)
        raise OSError(2, "not started")

    monkeypatch.setattr("harness.process.subprocess.Popen", popen)
    for loop in loops("train", "resnet20", 8, quick=True, cpu="avx2"):
        with pytest.raises(AbsentError):
            LoopProcess(loop, sys.executable, 5)
    assert len(told) == 6
    assert {env["ONEDNN_MAX_CPU_ISA"] for env in told} == {"AVX2"}
    assert {env["ATEN_CPU_CAPABILITY"] for env in told} == {"avx2"}
    # Older CPUs do not multiply in bfloat16.
    assert {loop.precision for loop in peak_loops("avx2")} == {"float32"}
    assert {loop.precision for loop in peak_loops()} == {"float32", "bfloat16"}


def test_an_answer_that_takes_too_long_is_absent(stubs):
    loop = Loop("train", "", OURS, "float32", "slow")
    with pytest.raises(AbsentError, match="no answer in time"):
        LoopProcess(loop, sys.executable, 0.0)


def test_two_processes_are_one_loop(stubs):
    loop = Loop("train", "", TORCH, "float32", "2 processes")
    with LoopProcess(loop, sys.executable, 600) as process:
        assert process.facts["amount"] == 64
        assert process.turn(3) >= 0.03


def test_networks_of_other_sizes_are_refused_as_peers(stubs):
    with pytest.raises(ValueError, match=r"equal parameters, received .*10.*11"):
        run((OURS, "float32", "slow"), (TORCH, "float32", "other"))


def result(side, precision, samples, variant="", **facts):
    loop = Loop("train", "resnet20", side, precision, variant)
    told = {"peak_bytes": 2**20, "first_step_seconds": 1.0}
    return Result(loop, samples, told | facts, qualified=True)


def test_ratios_at_equal_and_at_best_precision():
    results = [
        result(OURS, "float32", [10.0, 20.0, 30.0]),
        result(OURS, "bfloat16", [40.0, 40.0, 60.0]),
        result(TORCH, "float32", [10.0, 10.0, 10.0]),
        result(TORCH, "bfloat16", [5.0, 5.0, 5.0]),
    ]
    best = [
        result(OURS, "bfloat16", [20.0, 40.0, 60.0]),
        result(TORCH, "float32", [5.0, 10.0, 10.0]),
    ]
    found = ratios(results, best)
    assert [(r["precision"], r["peer"]) for r in found] == [
        ("float32", "torch"),
        ("bfloat16", "torch"),
        ("best", "torch"),
    ]
    medians = [r["ratio_median"] for r in found]
    assert medians == [2.0, 8.0, 4.0]
    last = found[2]
    assert (last["ratio_min"], last["ratio_max"]) == (4.0, 6.0)
    assert (last["work"], last["model"]) == ("train", "resnet20")
    assert (last["ours"], last["theirs"]) == ("ours bfloat16", "torch float32")
    assert "best: 4.00 times torch (4.00 to 6.00" in table(results, found)


def test_at_most_two_variants_qualify(stubs):
    results = run(*((OURS, "float32", variant) for variant in ("a", "b", "c")))
    assert sum(r.qualified for r in results) <= 2
    assert all(len(r.samples) == (4 if r.qualified else 2) for r in results)


def test_heats_by_precision_are_followed_by_a_final(stubs):
    loops = [
        Loop("train", "resnet20", side, precision, variant)
        for side, precision, variant in (
            (OURS, "float32", "slow"),
            (OURS, "bfloat16", "fast"),
            (TORCH, "float32", "fast"),
            (TORCH, "bfloat16", "slow"),
        )
    ]
    results, finals = heats(loops, PLAN, lambda loop: sys.executable)
    assert [r.loop.precision for r in results] == ["float32"] * 2 + ["bfloat16"] * 2
    assert [r.loop.precision for r in finals] == ["bfloat16", "float32"]
    assert not any(result in results for result in finals)


def test_the_final_has_its_own_rounds_with_one_precision_too(stubs):
    loops = [Loop("train", "", side, "bfloat16", "slow") for side in (OURS, TORCH)]
    results, finals = heats(loops, PLAN, lambda loop: sys.executable)
    assert [final.loop for final in finals] == loops
    assert all(final.qualified and len(final.samples) == 4 for final in finals)
    for final, heat in zip(finals, results, strict=True):
        assert final.samples != heat.samples


def test_the_roofline_uses_the_best_product():
    peak = Result(Loop("product", "", PEAK, "float32"), [1e12, 2e12], qualified=True)
    record = roofline(
        [peak, result(OURS, "float32", [500.0], operations_per_image=6 * 10**9)]
    )
    assert record["operations_per_second"] == {"float32": 2e12, "bfloat16": None}
    (network,) = record["networks"]
    assert network["operations_per_image"] == 6 * 10**9
    assert network["fraction"] == 1.5


@pytest.mark.parametrize("work", WORKS)
def test_quick_keeps_one_loop_per_side_and_precision(work):
    names = [loop.name.rsplit(" ", 1)[0] for loop in loops(work, "resnet20", 8, True)]
    assert names == [
        f"{side} {precision}"
        for side in ("ours", "torch", "keras")
        for precision in ("float32", "bfloat16")
    ]
    full = {loop.name for loop in loops(work, "resnet20", 8)}
    assert {"torch bfloat16 compile", "torch float32 2 processes"} <= full
    assert "torch float32 cast" not in full
