import argparse
import json
import os
import shutil
from pathlib import Path

import pytest

import resnet_tf
from resnet_tf.cli.settings import add_settings, experiment, given_settings
from resnet_tf.config import ExperimentConfig
from resnet_tf.config.datasets import folder_info
from resnet_tf.errors import CheckpointError, RunFolderError
from resnet_tf.runs.folder import RunFolder, _or_go_on

ROOT = Path(__file__).parents[2]
CONFIG = ExperimentConfig.from_flat({"num_residual_blocks": 1})


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "files",
    [
        {"partial.thesis.txt": "mine"},
        {"history.csv": "year,title", "metrics.json": "{}"},
        {"summary.json": "{}"},
        {"config.json": "{}"},
        {"config.json": '{"architectures": ["x"]}', "checkpoints/a": "mine"},
        {"partial.config.json": "{}", "a": "mine"},
        {"best/photo.png": "mine"},
        {".hidden": "mine"},
        {"run.lock": "", "thesis.txt": "mine"},
    ],
)
def test_a_folder_of_the_user_stays(tmp_path, files):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = contents(tmp_path)
    with pytest.raises(RunFolderError) as caught:
        RunFolder(tmp_path, CONFIG)
    assert caught.value.exit_code == 6
    named = set(os.listdir(tmp_path)) - {"run.lock", "partial.config.json"}
    assert str(caught.value) == (
        f"--run_dir must be new, empty or made by resnet_tf, received {tmp_path}, "
        f"which holds {', '.join(sorted(named))}"
    )
    assert contents(tmp_path) == before


# Settings of runs from before the defaults followed the papers.
BEFORE = {
    "shortcut": "A-pool",
    "stride_padding": "end",
    "head_initializer": "fan_in_normal",
    "padding_color": "black",
}


def parsed(words):
    """Returns the config of a command line."""
    parser = argparse.ArgumentParser()
    add_settings(parser)
    arguments = parser.parse_args(words)
    return experiment(given_settings(arguments), arguments.recipe)


@pytest.mark.parametrize(
    ("words", "old"),
    [
        (["--model=resnet20"], ["shortcut", "stride_padding"]),
        (["--recipe=he2015"], list(BEFORE)),
        (["--recipe=densenet2017"], ["head_initializer", "padding_color"]),
    ],
    ids=["resnet20", "he2015", "densenet2017"],
)
def test_a_run_of_an_earlier_version_says_how_to_resume(tmp_path, words, old):
    config = parsed(words).to_dict()
    for section in config.values():
        if isinstance(section, dict):
            section.update({n: BEFORE[n] for n in old if n in section})
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "run.lock").touch()
    with pytest.raises(CheckpointError) as caught:
        RunFolder(tmp_path, parsed(words))
    message = str(caught.value)
    assert "\n" not in message
    listed, end = message.split("; give another --run_dir, or resume this one with ")
    assert listed.startswith(f"run folder {tmp_path} belongs to another experiment: ")
    assert sorted(end.split()) == sorted(f"--{name}={BEFORE[name]}" for name in old)
    RunFolder(tmp_path, parsed([*words, *end.split()]))


def test_flags_for_numbers_and_switches():
    assert _or_go_on(
        {"flip": (True, False), "channel_std": ((0.1, 0.2), (0.3, 0.4))}
    ) == (", or resume this one with --flip=true --channel_std=0.1,0.2")
    # Another network or recipe is another experiment, and no flag can express None.
    for name, values in {"model": ("densenet", "resnet"), "resize": (None, 40)}.items():
        assert _or_go_on({name: values}) == ""


def test_changes_before_the_lock_are_noticed(tmp_path):
    folder = RunFolder(tmp_path / "run", CONFIG)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError, match="thesis.txt"), folder.held():
        pytest.fail("not reached")
    assert os.listdir(tmp_path / "run") == ["thesis.txt"]


def test_weights_without_a_run_are_not_replaced(tmp_path):
    shutil.copytree(ROOT / "pretrained" / "model_20", tmp_path / "model")
    made = json.loads((tmp_path / "model" / "config.json").read_text())
    config = ExperimentConfig.from_dict(made)
    with pytest.raises(RunFolderError, match="--init_from starts from it"):
        RunFolder(tmp_path / "model", config)


def test_a_damaged_config_of_a_run_is_refused(tmp_path):
    with RunFolder(tmp_path, CONFIG).held():
        pass
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="config.json is not JSON"):
        RunFolder(tmp_path, CONFIG)


@pytest.mark.parametrize(
    "names", [[], ["run.lock"], ["run.lock", "partial.config.json"]]
)
def test_an_empty_folder_or_one_of_a_killed_run_is_used(tmp_path, names):
    for name in names:
        (tmp_path / name).touch()
    with RunFolder(tmp_path, CONFIG).held():
        assert sorted(os.listdir(tmp_path)) == ["config.json", "run.lock"]
    (tmp_path / "notes.txt").write_text("mine, in my run")
    RunFolder(tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "step must be a whole number above 0, is missing"),
        ('{"step": 3}', "seconds must be a number from 0 to"),
        ('{"step": 3, "seconds": 1, "images_per_second": 1, "worker": 0}', "num_work"),
        ('{"step": 3, "seconds": 1, "images_per_second": null}', "received None"),
        (
            '{"step": 3, "seconds": 1, "images_per_second": 1, "test_error": null}',
            "0 to",
        ),
    ],
)
def test_a_finished_run_with_a_damaged_summary(tiny, tmp_path, content, message):
    """`train` and `compare` read the summary: one line, exit code 4."""
    config = tiny()
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(CheckpointError, match=f"summary.json: .*{message}"):
        resnet_tf.train(config, tmp_path)


def test_a_long_value_of_another_experiment_is_cut(tiny, tmp_path):
    config = tiny().to_dict()
    config["train"]["init_from"] = "9" * 5000
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(
        CheckpointError, match=r"another experiment: init_f.* \(9{80} th"
    ):
        RunFolder(tmp_path, tiny())


def test_a_changed_number_of_images_is_suggested(tmp_path):
    def config(size: int) -> ExperimentConfig:
        values = {"dataset": "folder", "data_dir": "x", "validation_size": size}
        info = folder_info(num_classes=3, num_train=90)
        return ExperimentConfig.from_flat(values, "quickstart", info)

    with RunFolder(tmp_path / "run", config(9)).held():
        (tmp_path / "run" / "history.csv").write_text("")
    with pytest.raises(CheckpointError) as caught:
        RunFolder(tmp_path / "run", config(8))
    assert "(9 there, 8 here)" in str(caught.value)
    assert "; the number of images in data_dir may have changed; give another" in (
        str(caught.value)
    )
