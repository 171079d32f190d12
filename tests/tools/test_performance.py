"""The pages say what the record says, also where something is missing in it."""

import json

import performance
import pytest
from comparison import inference, precisions, processor, training
from measured import Measured
from performance import absent, bound, input_cost, memory, method, roofline, waiting

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
    """Our loops alone, and no key that may be missing."""
    return Measured(PLACE | {"loops": [loop("ours", "float32", [100.0])]})


def last(text):
    return text.splitlines()[-1]


def test_every_side_is_at_its_best(run):
    assert last(training(run)) == (
        "| `net` | 2,000 (bfloat16, step) | 50 (float32, eager) | 40.00 (0.50 to 9.00) "
        "| absent | absent |"
    )
    assert inference(run) == "Not measured."


def test_the_best_are_those_of_the_final(run):
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
    sentences, table = roofline(run).split("\n\n")
    assert " ".join(sentences.split()) == (
        "The best product made 2,000 in float32, in 10^9 operations a second. "
        "A copy of memory moved 32.1 GB a second."
    )
    assert table.splitlines() == [
        "| network | training, float32 | training, bfloat16 | inference, float32 "
        "| inference, bfloat16 |",
        "|---|---|---|---|---|",
        "| `net` | 56 % | absent | absent | absent |",
    ]


def test_what_could_be_gained_at_most(run):
    # 50 images/s of 10 GFLOP are a quarter of 2,000 GFLOP/s.
    row = "| training | `net` | float32 | 25 % | 4.00 |"
    assert last(bound(run)) == f"{row} 40.00, past the bound |"
    run.record["ratios"][-1]["ratio_median"] = 3.99
    assert last(bound(run)) == f"{row} 3.99 |"
    run.record["roofline"]["operations_per_second"]["float32"] = None
    assert bound(run) == "Not measured."


def test_memory_and_waiting(run):
    assert memory(run).splitlines()[2] == "| `net` | float32 | 3 | absent | absent |"
    assert last(waiting(run)) == "| --help | 0.20 (0.10 to 0.30) |"


def test_the_input_costs_what_the_last_pair_says(run):
    text = " ".join(input_cost(run).split())
    assert "10 images/s on one batch in memory, 9 with the pipeline of digits" in text
    assert "12.50 % (0.00 to 25.00) of a step" in text


def test_what_is_absent_is_told_with_its_reason(run):
    assert (
        last(absent(run)) == "| keras | training net, training other | no \\| memory |"
    )


def test_how_it_was_measured(run):
    text = " ".join(method(run).split())
    assert "3 rounds; a turn lasts about 4 s. Before them the settings of" in text
    assert "have 2 rounds among themselves: the best two go on" in text
    assert "A start or a turn may take 600 s." in text
    assert "Batch 8, 2 cores of a CPU; TensorFlow 2, Keras 3." in text
    assert "other programs used up to 25 % of the cores" in text
    assert "Settings of PyTorch: eager." in text
    assert "compile for minutes" not in text
    run.record["compiled"] = ["net"]
    assert "compile for minutes were measured for `net`." in method(run)
    assert "All is in float32" not in text
    assert "--quick" not in text


def test_older_instructions_are_said(run):
    run.record["cpu"] = "avx2"
    text = " ".join(method(run).split())
    assert "2 cores of a CPU, all sides held to AVX2; TensorFlow 2" in text
    assert "`--cpu` holds the processes of all sides to older instructions" in text


def test_a_quick_run_is_called_so(bare):
    bare.record["quick"] = True
    assert "The run was a `--quick` one" in method(bare)


def test_missing_keys(bare):
    assert last(training(bare)) == (
        "| `net` | 100 (float32) | absent | absent | absent | absent |"
    )
    assert waiting(bare) == input_cost(bare) == "Not measured."
    assert roofline(bare) == "Not measured."
    assert absent(bare) == "Nothing: every loop ran."
    assert "Settings of PyTorch: absent." in method(bare)
    assert "All is in float32" in method(bare)


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
        "| `net` | training | float32 | 8 | 30 | 50 "
        "| Op0 25 %, Op1 21 %, Op2 18 %, Op3 14 %, Op4 11 %, Op5 7 % |"
    )
