import numpy as np
import pytest

from resnet_tf.analysis.comparison.records import compare_records, read_finished
from resnet_tf.analysis.comparison.report import page, tables, write_report
from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.analysis.page import markdown
from resnet_tf.analysis.paired import difference_interval
from resnet_tf.errors import CheckpointError, SettingError
from tests.analysis.ledger.made import N, write_made, write_plan

PROVENANCE = {
    "command": "python -m resnet_tf compare",
    "commit": "c" * 40,
    "versions": {"python": "3.12"},
    "machine": {"cpu": "CPU", "cores": 2},
}


@pytest.fixture
def plan(tmp_path):
    return read_plan(write_plan(tmp_path))


@pytest.fixture
def folders(plan, tmp_path):
    """Returns two folders: base and deep on one machine, base and fast on another."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, name, seed, wrong, cpu, seconds in (
        (one, "base", 1, 30, "A", 10.0),
        (one, "deep", 0, 20, "A", 15.0),
        (two, "base", 0, 32, "B", 20.0),
        (two, "fast", 0, 2, "B", 10.0),
    ):
        config = plan.entries[name].seeded(seed)
        write_made(folder, name, config, range(wrong), cpu=cpu, seconds=seconds)
    write_made(two, "fast", plan.entries["fast"].seeded(1), diverged="the loss")
    return one, two


def test_records_of_several_machines(folders, tmp_path):
    record = compare_records(read_finished(folders))
    assert (record["split"], record["n"], record["dataset"]) == (
        "validation", N, "digits",
    )  # fmt: skip
    base, deep, fast = record["networks"]
    labels = [network["label"] for network in record["networks"]]
    assert labels == ["ResNet-8, base", "ResNet-14, deep", "ResNet-8, fast"]
    assert base["seeds"] == [0, 1] and base["runs"] == [
        "base-seed0.json", "base-seed1.json",
    ]  # fmt: skip
    assert base["errors"] == pytest.approx([100 * 32 / N, 100 * 30 / N])
    assert base["parameters"] == 75_290 == fast["parameters"] < deep["parameters"]
    assert base["macs"] == fast["macs"] < deep["macs"]
    assert base["seconds"] is base["latency"] is base["confusion"] is None
    (_, base_fast, _) = record["pairs"]
    assert (base_fast["a"], base_fast["b"]) == ("ResNet-8, base", "ResNet-8, fast")
    assert base_fast["relative_seconds"] == pytest.approx(2.0)
    first = np.arange(N) < 32
    low, high = base_fast["interval"]
    assert low < 100 * (31 - 2) / N < high
    assert base_fast["seeds"] == [0, 0]
    assert base_fast["only_a_wrong"] == first.sum() - 2
    assert record["advice"][0].startswith(f"On these {N} validation images ResNet-8, f")
    assert record["note"] == "The runs were computed on 2 cores of A; 2 cores of B."
    write_report(tmp_path / "report", {**record, **PROVENANCE})
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == [
        "comparison.json", "comparison.md", "costs.png", "curves.png", "report.html",
    ]  # fmt: skip


def test_the_tables_have_dashes_for_what_needs_weights(folders):
    record = compare_records(read_finished(folders))
    networks, pairs = tables(record)
    assert networks.head[1] == f"validation error (n = {N})"
    assert networks.rows[0][4] == "-" and networks.rows[0][7:] == ["-"] * 6
    assert pairs.head[-1] == "time / time"
    # No machine has both deep and fast.
    assert [row[-1] for row in pairs.rows] == ["0.67", "2.00", "-"]
    text = markdown(page({**record, **PROVENANCE}))
    assert "Validation error with its 95 % interval." in text
    assert "confusion" not in text and "Latency" not in text


def test_times_of_one_machine(plan, tmp_path):
    for name, seconds in (("base", 60.0), ("fast", 120.0)):
        for seed, wrong in ((0, range(20)), (1, range(9))):
            config = plan.entries[name].seeded(seed)
            write_made(tmp_path / "records", name, config, wrong, seconds=seconds)
    record = compare_records(read_finished([tmp_path / "records"]))
    assert [x["seconds"] for x in record["networks"]] == [60.0, 120.0]
    (pair,) = record["pairs"]
    assert pair["relative_seconds"] == pytest.approx(0.5)
    wrong = np.stack([np.arange(N) < 20, np.arange(N) < 9])
    assert pair["interval"] == pytest.approx(difference_interval(wrong, wrong))


def test_records_that_cannot_be_compared(folders, plan, tmp_path):
    with pytest.raises(CheckpointError, match="records must hold a finished run"):
        read_finished([tmp_path / "nowhere"])
    with pytest.raises(SettingError, match="different seeds, received .*base-seed0"):
        compare_records(read_finished([folders[1], folders[1]]))
    (folders[0] / "partial.base-seed2.json").write_text("{")
    assert len(read_finished(folders)) == 4
    (folders[0] / "notes.json").write_text("{}")
    with pytest.raises(CheckpointError, match="notes.json: name must be a printable"):
        read_finished(folders)
