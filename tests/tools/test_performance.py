"""The tables follow from the record, also if the record lacks values."""

import json

import performance
import pytest
from comparison import inference, precisions, processor, training
from measured import Measured
from performance import (
    absent,
    bound,
    input_cost,
    memory,
    method,
    peaks,
    roofline,
    waiting,
)

PLACE = {
    "command": "benchmarks/run.py",
    "plan": {"rounds": 3, "qualifying": 2, "seconds": 4.0, "timeout": 600.0},
    "versions": {"tensorflow": "2", "keras": "3"},
    "machine": {"cpu": "a CPU", "cores": 2},
}


def loop(side, precision, samples, *, variant="", dataset="", **more):
    work = {"work": "train", "model": "net", "batch": 8, "qualified": bool(samples)}
    own = {"side": side, "precision": precision, "variant": variant}
    return work | own | {"dataset": dataset, "samples": samples} | more


def ratio(precision, peer, middle):
    names = {"work": "train", "model": "net", "precision": precision, "peer": peer}
    return names | {"ratio_median": middle, "ratio_min": 0.5, "ratio_max": 9.0}


@pytest.fixture
def run():
    """Torch is slower in bfloat16 than in float32; Keras could not run."""
    return Measured(
        PLACE
        | {
            "loops": [
                loop("ours", "float32", [100.0], peak_bytes=3 * 2**20),
                loop("ours", "bfloat16", [1900.0, 2000.0, 2100.0], variant="step"),
                loop("torch", "float32", [50.0], variant="eager", versions={}),
                loop("torch", "bfloat16", [40.0], variant="eager"),
                loop("keras", "float32", [], variant="tape", absent="no | memory"),
                loop("ours", "bfloat16", [10.0, 10.0], variant="step"),
                loop("ours", "bfloat16", [8.0, 10.0], variant="step", dataset="digits"),
            ],
            "ratios": [ratio("float32", "torch", 2.0), ratio("best", "torch", 40.0)],
            "absent": [
                {"work": "train", "model": m, "loop": "keras", "reason": "no | memory"}
                for m in ("net", "other")
            ],
            "seconds": {"--help": [0.3, 0.1, 0.2]},
            "busy_before": {"train net": 0.01, "train other": 0.25},
            "roofline": {
                "operations_per_second": {"float32": 2e12, "bfloat16": None},
                "copied_bytes_per_second": 3.21e10,
                "networks": [
                    {
                        "work": "train",
                        "model": "net",
                        "precision": "float32",
                        "dataset": "",
                        "fraction": fraction,
                        "operations_per_image": 1e10,
                    }
                    for fraction in (0.3, 0.555, 0.4)
                ],
            },
        }
    )


@pytest.fixture
def bare():
    """Only our loops, and only the required keys."""
    return Measured(PLACE | {"loops": [loop("ours", "float32", [100.0])]})


def last(text):
    return text.splitlines()[-1]


def test_every_side_is_at_its_best(run):
    assert last(training(run)) == (
        "| `net` | 2,000 (bfloat16, step) | 50 (float32, eager) | 40.00 (0.50 to 9.00) "
        "| absent | absent |"
    )
    assert inference(run) == "Not measured."


def test_the_best_come_from_the_final(run):
    finals = [
        loop("ours", "bfloat16", [1500.0], variant="step"),
        loop("torch", "float32", [30.0], variant="eager"),
    ]
    run.record["finals"] = finals
    expected = "| `net` | 1,500 (bfloat16, step) | 30 (float32, eager) | 40.00"
    assert last(training(run)).startswith(expected)
    # At equal precision they are those of the heats.
    assert "| 2,000 (step) | 40 (eager) |" in precisions(run)
    run.record["finals"] = finals[:1]
    expected = "| `net` | 1,500 (bfloat16, step) | absent |"
    assert last(training(run)).startswith(expected)


def test_equal_precision(run):
    of = "| training | `net` | "
    assert precisions(run).splitlines()[2:] == [
        of + "float32 | 100 | 50 (eager) | 2.00 (0.50 to 9.00) | absent | absent |",
        of + "bfloat16 | 2,000 (step) | 40 (eager) | absent | absent | absent |",
    ]


def test_the_machine(run):
    assert peaks(run).splitlines()[2:] == [
        "| matrix product, float32 | 2,000 GFLOP/s |",
        "| copy of memory | 32.1 GB/s |",
    ]
    assert roofline(run).splitlines() == [
        "| network | training, float32 | training, bfloat16 | inference, float32 "
        "| inference, bfloat16 |",
        "|---|---|---|---|---|",
        "| `net` | 56 % | absent | absent | absent |",
    ]


def test_the_direct_bound(run):
    # 50 images/s of 10 GFLOP are a quarter of 2,000 GFLOP/s.
    row = "| training | `net` | float32 | 25 % | 4.00 |"
    assert last(bound(run)) == f"{row} 40.00, above the bound |"
    run.record["ratios"][-1]["ratio_median"] = 3.99
    assert last(bound(run)) == f"{row} 3.99 |"
    run.record["roofline"]["operations_per_second"]["float32"] = None
    assert bound(run) == "Not measured."


def test_memory_and_waiting(run):
    assert memory(run).splitlines()[2] == "| `net` | float32 | 3 | absent | absent |"
    assert last(waiting(run)) == "| --help | 0.20 (0.10 to 0.30) |"


def test_the_cost_of_the_input_comes_from_the_last_pair(run):
    assert input_cost(run).splitlines()[3:] == [
        "| one batch in memory | 10 images/s |",
        "| pipeline of digits | 9 images/s |",
        "| cost, of a step | 12.50 % (0.00 to 25.00) |",
    ]


def test_an_absent_loop_has_its_reason(run):
    assert (
        last(absent(run)) == "| keras | training net, training other | no \\| memory |"
    )


def test_how_it_was_measured(run):
    assert method(run).splitlines()[2:] == [
        "| rounds | 3, each turn about 4 s |",
        "| rounds to choose the settings | 2 |",
        "| longest start or turn | 600 s |",
        "| batch | 8 |",
        "| machine | 2 cores of a CPU |",
        "| versions | TensorFlow 2, Keras 3 |",
        "| precisions | float32, bfloat16 |",
        "| cores that other programs used before | up to 25 % |",
        "| settings of this package | , step |",
        "| settings of PyTorch | eager |",
        "| settings of stock Keras | tape |",
        "| command | `python benchmarks/run.py` |",
    ]
    run.record["compiled"] = ["net"]
    assert "| networks with compiled settings | `net` |" in method(run)
    run.record["compiled"] = []
    assert "| networks with compiled settings | none |" in method(run)


def test_older_instructions_are_named(run):
    run.record["cpu"] = "avx2"
    assert "| instructions of all sides | AVX2 |" in method(run)


def test_a_quick_run_is_marked(bare):
    bare.record["quick"] = True
    assert "| quick run | yes: few, short turns |" in method(bare)


def test_missing_keys(bare):
    assert last(training(bare)) == (
        "| `net` | 100 (float32) | absent | absent | absent | absent |"
    )
    assert waiting(bare) == input_cost(bare) == "Not measured."
    assert roofline(bare) == peaks(bare) == "Not measured."
    assert absent(bare) == "None."
    assert "| settings of PyTorch | absent |" in method(bare)
    assert "| precisions | float32 |" in method(bare)


@pytest.mark.parametrize(
    ("flags", "sets"),
    [
        ([], ""),
        (["avx2", "fma"], " (AVX2)"),
        (["avx2", "avx512f", "avx512_bf16"], " (AVX-512, bfloat16)"),
    ],
)
def test_the_processor(flags, sets):
    machine = PLACE["machine"] | {"flags": flags}
    assert processor(machine) == f"2 cores of a CPU{sets}"


def test_where_the_time_goes(tmp_path, monkeypatch):
    operations = [{"type": f"Op{i}", "count": 1, "seconds": 7.0 - i} for i in range(7)]
    record = {
        "model": "net",
        "work": "train",
        "mixed_precision": "float32",
        "kernels": "native_avx2",
        "batch": 8,
        "seconds_allowed": 0.0301,
        "seconds_measured": 0.05,
        "profile": {"steps": 1, "operations": operations},
    }
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "net.json").write_text(json.dumps(record))
    without = json.dumps(record | {"profile": None})
    (tmp_path / "profiles" / "zero.json").write_text(without)
    monkeypatch.setattr(performance, "BENCHMARKS", tmp_path)
    assert last(performance.operations()) == (
        "| `net` | training | float32 | native_avx2 | 8 | 30 | 50 "
        "| Op0 25 %, Op1 21 %, Op2 18 %, Op3 14 %, Op4 11 %, Op5 7 % |"
    )
