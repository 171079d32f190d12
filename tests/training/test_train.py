import csv
import itertools
import json
import shutil

import numpy as np
import pytest

import resnet_tf
from resnet_tf.checkpoints.weights import load_checkpoint
from resnet_tf.errors import (
    CheckpointError,
    DataError,
    DivergedError,
    RunFolderError,
    SettingError,
)
from resnet_tf.runs.history import read_history
from resnet_tf.training import loop
from resnet_tf.training import summary as summary_module
from resnet_tf.training.trainer import Trainer


def weights(folder):
    return [np.array(w) for w in load_checkpoint(folder).model.weights]


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


class Killed(Exception):
    pass


def train_killed(config, folder, monkeypatch, step, where="_call"):
    """Trains and dies like a killed process right before passing `step`."""
    original = getattr(loop.Run, where)

    def deadly(self, *args):
        if self._step >= step:
            raise Killed
        return original(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, where, deadly)
        with pytest.raises(Killed):
            resnet_tf.train(config, folder)


@pytest.fixture(scope="module")
def config(tiny):
    """Five updates, with reports after the second, the fourth and the last."""
    return tiny(train_steps=5)


@pytest.fixture(scope="module")
def end(config, tmp_path_factory):
    """The folder of a finished run of `config`, and its summary."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, resnet_tf.train(config, folder)


@pytest.fixture(scope="module")
def finished(end):
    """The folder of the finished run; copy it before changing it."""
    return end[0]


@pytest.fixture(scope="module")
def summary(end):
    """The summary of the finished run."""
    return end[1]


def unfinished(finished, folder):
    """Copies a run to `folder` as if it had been killed after its last report."""
    shutil.copytree(finished, folder)
    (folder / "summary.json").unlink()
    return folder


@pytest.mark.usefixtures("without_pictures")
def test_a_real_training_learns(tiny, tmp_path):
    config = tiny(train_steps=90, train_batch_size=32, report_freq=30, steps_per_call=0)
    summary = resnet_tf.train(config, tmp_path)
    rows = read_history(tmp_path / "history.csv")
    assert [row.step for row in rows] == [30, 60, 90]
    assert rows[-1].train_loss < 0.75 * rows[0].train_loss
    assert summary["test_error"] < 50


@pytest.mark.usefixtures("bare")
def test_a_run_can_start_from_another(tiny, tmp_path, finished, monkeypatch, capsys):
    config = tiny(init_from=str(finished), freeze="backbone", seed=1)
    resnet_tf.train(config, tmp_path / "straight")
    assert "37 tensors" in capsys.readouterr().out
    train_killed(config, tmp_path / "killed", monkeypatch, step=2)
    capsys.readouterr()
    # Resuming does not need its source.
    monkeypatch.setattr(loop, "initialize", pytest.fail)
    resnet_tf.train(config, tmp_path / "killed")
    assert "resuming from step 2" in capsys.readouterr().out
    assert_equal(weights(tmp_path / "straight"), weights(tmp_path / "killed"))
    *backbone, kernel, _ = weights(finished)
    assert_equal(weights(tmp_path / "straight")[:-2], backbone)
    assert not np.array_equal(weights(tmp_path / "straight")[-2], kernel)


@pytest.mark.slow
def test_fine_tuning_at_224(tmp_path):
    settings = {
        "dataset": "digits",
        "validation_size": 4,
        "flip": False,
        "train_steps": 2,
        "train_batch_size": 4,
        "report_freq": 2,
    }
    config = resnet_tf.ExperimentConfig.from_flat(settings, "finetune224")
    summary = resnet_tf.train(config, tmp_path)
    assert summary["n_test"] == 360 and 0 <= summary["test_error"] <= 100
    assert load_checkpoint(tmp_path).model.input_shape == (None, 224, 224, 3)


def test_the_run_folder_holds_everything(config, finished, summary):
    assert sorted(path.name for path in finished.iterdir()) == [
        "best",
        "checkpoints",
        "config.json",
        "curves.png",
        "data.json",
        "history.csv",
        "metrics.json",
        "model.weights.h5",
        "run.lock",
        "summary.json",
        "tensorboard",
    ]
    assert json.loads((finished / "summary.json").read_text()) == summary
    computed = config.with_kernels(summary["kernels"])
    assert json.loads((finished / "config.json").read_text()) == computed.to_dict()
    with open(finished / "history.csv") as file:
        steps = [row["step"] for row in csv.DictReader(file)]
    assert steps == ["2", "4", "5"]
    assert len(list((finished / "tensorboard").iterdir())) == 1
    assert len(list((finished / "checkpoints").iterdir())) == 2
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["class_names"] == list("0123456789")
    assert summary["step"] == 5 and summary["seed"] == 0
    assert (summary["n_validation"], summary["n_test"]) == (180, 360)
    assert summary["num_replicas"] == 1
    assert summary["best_step"] in (2, 4, 5)
    for name in ("seconds", "images_per_second", "validation_error", "test_error"):
        assert summary[name] > 0
    assert "best_validation_error" in summary and "best_test_error" in summary


def test_eval_repeats_the_summary(finished, summary):
    for name, split in itertools.product(["", "best"], ["test", "validation"]):
        result = resnet_tf.evaluate(finished / name, split)
        key = f"{name}_{split}_error" if name else f"{split}_error"
        assert result["error"] == summary[key]
        assert result["n"] == summary[f"n_{split}"]
        assert result["interval"][0] < result["error"] < result["interval"][1]
        assert result["preprocessing"]["normalization"] == "mean_std"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("precision", "where"),
    [
        ("float32", "_call"),
        pytest.param("bfloat16", "_report", marks=pytest.mark.slow),
        pytest.param("float32", "_report", marks=pytest.mark.slow),
        pytest.param("bfloat16", "_call", marks=pytest.mark.slow),
        pytest.param("float16", "_call", marks=pytest.mark.slow),
        pytest.param("float16", "_report", marks=pytest.mark.slow),
    ],
)
def test_resuming_gives_the_same_bits(tiny, tmp_path, monkeypatch, where, precision):
    config = tiny(train_steps=7, report_freq=3, mixed_precision=precision)
    resnet_tf.train(config, tmp_path / "straight")
    train_killed(config, tmp_path / "killed", monkeypatch, 4, where)
    resnet_tf.train(config, tmp_path / "killed")
    assert_equal(weights(tmp_path / "straight"), weights(tmp_path / "killed"))
    straight, killed = (
        read_history(tmp_path / name / "history.csv") for name in ("straight", "killed")
    )
    for one, other in zip(straight, killed, strict=True):
        assert (one.step, one.train_loss, one.validation_error) == (
            other.step,
            other.train_loss,
            other.validation_error,
        )


@pytest.mark.usefixtures("bare")
def test_resuming_draws_the_same_dropout(tiny, tmp_path, monkeypatch):
    small = {"model": "densenet", "depth": 7, "growth_rate": 4}
    fast = {"train_steps": 5, "report_freq": 5, "lanes": 2}
    config = tiny(**small, **fast, dropout_rate=0.2, drop_last=True)
    resnet_tf.train(config, tmp_path / "straight")
    train_killed(config, tmp_path / "killed", monkeypatch, 2)
    resnet_tf.train(config, tmp_path / "killed")
    assert_equal(weights(tmp_path / "straight"), weights(tmp_path / "killed"))
    (row,) = read_history(tmp_path / "killed" / "history.csv")
    assert row.epoch == 5 / 78  # full batches of 16 in 1,257 images


@pytest.mark.usefixtures("bare")
def test_a_run_killed_before_its_first_report_starts_again(tiny, tmp_path, monkeypatch):
    config = tiny()
    train_killed(config, tmp_path, monkeypatch, 1)
    assert resnet_tf.train(config, tmp_path)["step"] == 4


def test_classes_in_another_order_are_refused(config, finished, tmp_path):
    run = unfinished(finished, tmp_path / "run")
    path = run / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["class_names"].reverse()
    path.write_text(json.dumps(metrics))
    message = "class 0 of the data must be the network's, '9', received '0'"
    for use in (resnet_tf.evaluate, lambda folder: resnet_tf.train(config, folder)):
        with pytest.raises(DataError, match=message):
            use(run)


@pytest.mark.slow
def test_resuming_under_two_replicas(tiny, tmp_path, monkeypatch):
    config = tiny(strategy="mirrored", train_steps=5)
    summary = resnet_tf.train(config, tmp_path / "straight")
    assert summary["num_replicas"] == 2
    train_killed(config, tmp_path / "killed", monkeypatch, 3)
    resnet_tf.train(config, tmp_path / "killed")
    assert_equal(weights(tmp_path / "straight"), weights(tmp_path / "killed"))


@pytest.mark.usefixtures("bare")
def test_each_report_is_handed_out(tiny, tmp_path):
    """The report is already saved, so an error in the callback loses nothing."""
    seen = []

    def on_report(row, model):
        saved = [np.array(weight) for weight in model.weights]
        assert_equal(saved, weights(tmp_path))
        seen.append(row)
        if len(seen) == 1:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        resnet_tf.train(tiny(), tmp_path, on_report=on_report)
    resnet_tf.train(tiny(), tmp_path, on_report=on_report)
    assert seen == read_history(tmp_path / "history.csv")


def test_the_summary_reuses_the_validation_errors_of_the_reports(
    config, finished, tmp_path, monkeypatch
):
    """The weights of a report are validated only once."""
    run = unfinished(finished, tmp_path / "run")
    splits = []
    logits = summary_module.checkpoint_pass

    def checkpoint_pass(*args, **kwargs):
        full_pass = logits(*args, **kwargs)
        return lambda split, size: splits.append(split.name) or full_pass(split, size)

    monkeypatch.setattr(summary_module, "checkpoint_pass", checkpoint_pass)
    summary = resnet_tf.train(config, run)
    assert set(splits) == {"test"}
    rows = {row.step: row for row in read_history(run / "history.csv")}
    assert summary["validation_error"] == rows[5].validation_error
    best = rows[summary["best_step"]]
    assert summary["best_validation_error"] == best.validation_error


def test_a_finished_run_is_not_repeated(config, finished, summary, capsys):
    before = (finished / "model.weights.h5").stat().st_mtime_ns
    assert resnet_tf.train(config, finished) == summary
    assert (finished / "model.weights.h5").stat().st_mtime_ns == before
    assert "is finished" in capsys.readouterr().out


def test_another_config_in_the_folder_is_refused(tiny, finished):
    message = r"seed \(0 there, 1 here\), train_steps|train_steps \(5 there, 2 here\)"
    with pytest.raises(CheckpointError, match=message) as caught:
        resnet_tf.train(tiny(train_steps=2, seed=1), finished)
    assert "seed (0 there, 1 here)" in str(caught.value)


@pytest.mark.usefixtures("without_pictures")
def test_without_validation_images_there_is_no_best(tiny, tmp_path):
    summary = resnet_tf.train(tiny(train_steps=1, validation_size=0), tmp_path)
    assert not (tmp_path / "best").exists()
    assert "validation_error" not in summary and "best_step" not in summary
    assert summary["n_test"] == 360


@pytest.mark.usefixtures("bare")
def test_a_diverging_run_stops_and_keeps_the_last_state(tiny, tmp_path):
    config = tiny(init_lr=1e18, train_steps=8, warmup_fraction=0.0)
    with pytest.raises(
        DivergedError, match=r"between steps \d and \d, most likely by the rate, "
    ):
        resnet_tf.train(config, tmp_path)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.usefixtures("bare")
def test_a_divergence_names_the_last_good_checkpoint(tiny, tmp_path, monkeypatch):
    config = tiny(train_steps=6, mixed_precision="bfloat16")
    finite = Trainer.not_finite

    def not_finite(self):
        last = int(self.optimizer.step.numpy()) == 3
        return "stem/kernel" if last else finite(self)

    monkeypatch.setattr(Trainer, "not_finite", not_finite)
    with pytest.raises(DivergedError) as caught:
        resnet_tf.train(config, tmp_path)
    message = str(caught.value)
    good = tmp_path / "checkpoints" / "step-00000002"
    assert message.startswith("the weight stem/kernel became nan between steps 2 and 3")
    assert f"or by bfloat16; the last good checkpoint is {good}; lower" in message
    assert "or take --mixed_precision=float32 and start again" in message
    assert [path.name for path in good.parent.iterdir()] == [good.name]
    assert caught.value.exit_code == 5


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("check", ["validation", "weights"])
def test_diverged_weights_are_never_saved(tiny, tmp_path, monkeypatch, check):
    """The loss of the last update is still finite; its weights are not."""
    settings = {"init_lr": 1e30}
    if check == "weights":
        settings = {"validation_size": 0}
        monkeypatch.setattr(Trainer, "not_finite", lambda self: "stem/kernel")
    config = tiny(train_steps=1, report_freq=1, **settings)
    with pytest.raises(DivergedError, match="between steps 0 and 1"):
        resnet_tf.train(config, tmp_path)
    assert not (tmp_path / "checkpoints").exists()
    assert not (tmp_path / "model.weights.h5").exists()


@pytest.mark.usefixtures("bare")
def test_a_kill_before_the_best_is_saved_is_repaired(
    config, finished, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr(loop.Run, "_save_best", lambda self: None)
        train_killed(config, tmp_path, monkeypatch, 2)
    assert not (tmp_path / "best").exists()
    resnet_tf.train(config, tmp_path)
    assert_equal(weights(finished / "best"), weights(tmp_path / "best"))


def test_a_run_without_its_history_is_refused(config, finished, tmp_path):
    run = unfinished(finished, tmp_path / "run")
    (run / "history.csv").unlink()
    with pytest.raises(RunFolderError, match="received none"):
        resnet_tf.train(config, run)


def test_wrong_arguments_of_evaluate(finished):
    for arguments, message in (
        ({"split": "tset"}, "split must be one of train, validation, test"),
        ({"mixed_precision": "fp16"}, "mixed_precision must be one of float32"),
        ({"test_batch_size": 0}, "test_batch_size must be at least 1, received 0"),
    ):
        with pytest.raises(SettingError, match=message):
            resnet_tf.evaluate(finished, **arguments)


def test_missing_data_leaves_nothing_behind(tmp_path):
    config = resnet_tf.ExperimentConfig.from_flat(
        {"data_dir": str(tmp_path / "none"), "download": False}
    )
    with pytest.raises(DataError):
        resnet_tf.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_file_is_refused_as_run_folder(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="must be a folder"):
        resnet_tf.train(tiny(), tmp_path / "file")
    with pytest.raises(RunFolderError, match="cannot be written"):
        resnet_tf.train(tiny(), tmp_path / "file" / "run")


@pytest.mark.usefixtures("without_pictures")
def test_training_on_tfds_data(tiny, tmp_path, fake_cifar):
    config = tiny(
        dataset="cifar10",
        model="densenet",
        depth=7,
        growth_rate=4,
        validation_size=16,
        data_dir=fake_cifar,
        cache_dir=str(tmp_path / "cache"),
        train_steps=2,
    )
    summary = resnet_tf.train(config, tmp_path / "run")
    assert (summary["n_validation"], summary["n_test"]) == (16, 37)
    result = resnet_tf.evaluate(
        tmp_path / "run", data_dir=fake_cifar, cache_dir=str(tmp_path / "cache")
    )
    assert result["error"] == summary["test_error"]
    assert list(result["per_class_error"])[:2] == ["airplane", "automobile"]


@pytest.mark.usefixtures("without_pictures")
def test_larger_images_train_the_same_network(tiny, tmp_path):
    config = tiny(image_size=64, train_steps=2)
    summary = resnet_tf.train(config, tmp_path / "run")
    loaded = load_checkpoint(tmp_path / "run").model
    assert loaded.input_shape == (None, 64, 64, 3)
    assert loaded.count_params() == resnet_tf.build_model(config.model).count_params()
    result = resnet_tf.evaluate(tmp_path / "run")
    assert result["error"] == summary["test_error"]


@pytest.mark.usefixtures("bare")
@pytest.mark.slow
def test_resuming_after_500_of_1000_steps_gives_the_same_bits(
    tiny, tmp_path, monkeypatch
):
    config = tiny(
        train_steps=1000, train_batch_size=128, report_freq=100, steps_per_call=0
    )
    resnet_tf.train(config, tmp_path / "straight")
    train_killed(config, tmp_path / "killed", monkeypatch, 500)
    resnet_tf.train(config, tmp_path / "killed")
    assert_equal(weights(tmp_path / "straight"), weights(tmp_path / "killed"))
