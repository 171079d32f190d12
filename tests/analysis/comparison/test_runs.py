import dataclasses
import re
import shutil

import numpy as np
import pytest

import resnet_tf
from resnet_tf.analysis.comparison import record as module
from resnet_tf.analysis.comparison.record import _same_images, compare
from resnet_tf.analysis.comparison.runs import by_network, read_run
from resnet_tf.errors import CheckpointError, DataError, SettingError
from resnet_tf.evaluation.full_pass import Result
from tests.bare import without_pictures


@pytest.fixture(scope="module")
def folders(tiny, tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    for name, settings in {
        "seed_1": {"seed": 1},
        "seed_0": {},
        "slow": {"init_lr": 0.01},
    }.items():
        with without_pictures():
            resnet_tf.train(tiny(train_steps=2, **settings), root / name)
    return root


def test_runs_that_differ_only_in_the_seed_are_grouped(folders):
    groups = by_network(read_run(folders / x) for x in ("seed_1", "seed_0", "slow"))
    names = {
        label: [run.folder.path.name for run in runs] for label, runs in groups.items()
    }
    assert names == {
        "ResNet-8 (init_lr=0.1)": ["seed_0", "seed_1"],
        "ResNet-8 (init_lr=0.01)": ["slow"],
    }
    alone = by_network([read_run(folders / "slow")])
    assert list(alone) == ["ResNet-8"]


def test_the_figures_come_from_the_runs(folders, monkeypatch):
    for name, value in (("_ROUNDS", 2), ("_SECONDS", 0.0)):
        monkeypatch.setattr(module, name, value)
    runs = [read_run(folders / name) for name in ("seed_0", "seed_1", "slow")]
    record = compare(by_network(runs))
    assert (record["split"], record["n"], record["dataset"]) == ("test", 360, "digits")
    first, slow = record["networks"]
    errors = [run.summary["test_error"] for run in runs]
    np.testing.assert_allclose(first["errors"], errors[:2], rtol=1e-12)
    assert first["error"] == pytest.approx(np.mean(errors[:2]))
    assert first["error_sd"] == pytest.approx(np.std(errors[:2], ddof=1))
    assert slow["error_sd"] is None
    assert slow["interval"][0] < slow["error"] < slow["interval"][1]
    assert (first["parameters"], first["seeds"]) == (75_290, [0, 1])
    assert first["peak_memory"] > 2**28
    assert first["bytes"] == (folders / "seed_0/model.weights.h5").stat().st_size
    assert np.sum(first["confusion"]) == 2 * 360
    wrong = np.sum(slow["confusion"]) - np.trace(slow["confusion"])
    assert 100 * wrong / 360 == pytest.approx(slow["error"])
    assert (first["runs"], slow["runs"]) == (["seed_0", "seed_1"], ["slow"])
    assert set(slow["latency"]) == {"1", "128"}
    (pair,) = record["pairs"]
    assert pair["seeds"] == [0, 0]
    assert pair["difference"] == pytest.approx(first["error"] - slow["error"])
    only = pair["only_a_wrong"] - pair["only_b_wrong"]
    assert 100 * only / 360 == pytest.approx(errors[0] - errors[2])


def test_runs_on_other_images_are_refused():
    labels, names = np.array([0, 1, 1]), ("cat", "dog")
    one = Result("test", np.zeros((3, 2)), labels, names)
    found, called = _same_images([one, one])
    assert found is labels and called == names
    for other in ({"labels": 1 - labels}, {"class_names": ("dog", "cat")}):
        with pytest.raises(DataError, match="the same test images, but they differ"):
            _same_images([one, dataclasses.replace(one, **other)])


def test_a_run_twice(folders):
    with pytest.raises(SettingError, match="different seeds, received .*seed_0 and"):
        by_network([read_run(folders / "seed_0")] * 2)


def test_runs_of_several_data_sets(folders):
    other = read_run(folders / "seed_0")
    data = dataclasses.replace(other.config.data, dataset="cifar10")
    other.folder.config = dataclasses.replace(other.config, data=data)
    with pytest.raises(SettingError, match="must share a data set"):
        by_network([read_run(folders / "slow"), other])


def test_an_unfinished_run(folders, tmp_path):
    (tmp_path / "config.json").write_text((folders / "seed_0/config.json").read_text())
    with pytest.raises(CheckpointError, match=f"run {re.escape(str(tmp_path))} must"):
        read_run(tmp_path)


def test_a_finished_run_without_its_weights(folders, tmp_path):
    run = shutil.copytree(folders / "seed_0", tmp_path / "run")
    (run / "model.weights.h5").unlink()
    with pytest.raises(CheckpointError, match="run/model.weights.h5 is missing"):
        read_run(run)
