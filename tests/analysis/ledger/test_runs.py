import json

import numpy as np
import pytest

import resnet_tf
from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.analysis.ledger.record import read_record
from resnet_tf.analysis.ledger.runs import Job, jobs, read_records, work
from resnet_tf.config import differences
from resnet_tf.data.sources import load_split
from resnet_tf.errors import CheckpointError, StoppedError
from tests.analysis.ledger.made import made, write_made, write_plan


@pytest.mark.usefixtures("bare")
def test_a_finished_run_leaves_its_record(tiny, tmp_path):
    config = tiny(seed=3)
    job = Job("one", config, tmp_path / "run", tmp_path / "records/one-seed3.json")
    with pytest.raises(StoppedError):
        resnet_tf.train(config, job.run_dir, until=3)
    work(job)
    assert job.record.stat().st_size < 10_000
    record = read_record(job.record)
    assert (record.name, record.seed) == ("one", 3)
    assert differences(record.config, config) == {}
    labels = load_split(config.data, "validation").labels
    wrong = record.answers.predictions != labels
    np.testing.assert_array_equal(record.answers.wrong, wrong)
    assert [row.step for row in record.history] == [2, 4]
    last = record.history[-1]
    assert record.answers.error == pytest.approx(last.validation_error)
    assert record.answers.loss == pytest.approx(last.validation_loss, rel=1e-4)
    assert record.values["seconds"] == last.seconds
    digests = json.loads((job.run_dir / "data.json").read_text())["splits"]
    assert record.answers.images_sha256 == digests["validation"]["sha256"]
    assert record.values["kernels"] in ("tensorflow", *_native())
    before = job.record.read_bytes()
    work(job)
    assert job.record.read_bytes() == before


def _native():
    return [f"native_{name}" for name in ("avx512", "avx2", "baseline")]


@pytest.mark.usefixtures("bare")
def test_a_diverged_run_leaves_its_record(tiny, tmp_path):
    job = Job(
        "wild", tiny(init_lr=1e30), tmp_path / "run", tmp_path / "wild-seed0.json"
    )
    work(job)
    record = read_record(job.record)
    assert record.answers is None
    assert " became " in record.values["diverged"]
    assert str(tmp_path) not in job.record.read_text()


def test_runs_go_seed_by_seed(tmp_path):
    plan = read_plan(write_plan(tmp_path))
    found = jobs(
        plan, ["base", "deep"], [0, 2], tmp_path / "records", tmp_path / "runs"
    )
    names = ["base-seed0", "deep-seed0", "base-seed2", "deep-seed2"]
    assert [job.run_dir for job in found] == [tmp_path / "runs" / x for x in names]
    assert [job.record.name for job in found] == [f"{x}.json" for x in names]
    assert [job.config.train.seed for job in found] == [0, 0, 2, 2]


def test_records_of_other_settings_are_refused(tmp_path):
    plan = read_plan(write_plan(tmp_path))
    fast, deep = (plan.entries[name].seeded(0) for name in ("fast", "deep"))
    write_made(tmp_path, "fast", fast)
    assert list(read_records(plan, tmp_path)) == [("fast", 0)]
    path = tmp_path / "deep-seed0.json"
    path.write_text(json.dumps(made("fast", deep)))
    with pytest.raises(CheckpointError, match="name must be deep, received fast"):
        read_records(plan, tmp_path)
    path.write_text(json.dumps(made("deep", fast)))
    with pytest.raises(CheckpointError, match="deep-seed0.json belongs to another exp"):
        read_records(plan, tmp_path)
