"""The kernels of a run, with which it also resumes."""

import json

import numpy as np
import pytest

import resnet_tf
from resnet_tf import native
from resnet_tf.cli.main import main
from resnet_tf.errors import CheckpointError, SettingError, StoppedError
from resnet_tf.native import choice
from resnet_tf.runs.equal import compare
from resnet_tf.runs.extend import continued
from resnet_tf.runs.folder import RunFolder
from resnet_tf.training.kernels import settle_kernels, take_kernels

needs_kernels = pytest.mark.skipif(
    not native.available(), reason=f"no native kernels: {native.reason()}"
)


@pytest.fixture(autouse=True)
def same_instructions():
    """Restores the instructions, which apply to the whole process."""
    before = native.instructions()
    yield
    if before:
        native.use_instructions(before)


def stopped(config, folder):
    """Does the first two of four updates."""
    with pytest.raises(StoppedError):
        resnet_tf.train(config, folder, until=2)


def recorded(folder) -> str | None:
    config = json.loads((folder / "config.json").read_text())
    return config["train"].get("kernels")


@needs_kernels
@pytest.mark.usefixtures("without_pictures")
def test_the_kernels_of_a_run_are_recorded(tiny, tmp_path, capsys):
    resnet_tf.train(tiny(), tmp_path)
    best = native.instructions()
    assert recorded(tmp_path) == f"native_{best}"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["kernels"] == f"native_{best}"
    assert f"| float32, native kernels ({best}) |" in capsys.readouterr().out


def test_bfloat16_and_xla_use_tensorflow(tiny):
    for settings in ({"mixed_precision": "bfloat16"}, {"jit_compile": True}):
        assert take_kernels(tiny(**settings).train) == "tensorflow"


@pytest.mark.usefixtures("bare")
def test_a_machine_without_the_library_says_why(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(choice, "reason", lambda: "not compiled")
    monkeypatch.setattr("resnet_tf.training.display.reason", lambda: "not compiled")
    resnet_tf.train(tiny(), tmp_path)
    assert recorded(tmp_path) == "tensorflow"
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert "| float32, TensorFlow's kernels |" in first
    assert second == (
        "the native kernels, which are faster, cannot compute: not compiled"
    )


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("written", [True, False])
def test_a_run_with_tensorflow_resumes_to_the_same_bits(tiny, tmp_path, written):
    """Runs of earlier versions do not have the setting `kernels`."""
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    resnet_tf.train(tiny(kernels="tensorflow"), straight)
    stopped(tiny(kernels="tensorflow"), broken)
    if not written:
        config = json.loads((broken / "config.json").read_text())
        del config["train"]["kernels"]
        (broken / "config.json").write_text(json.dumps(config))
    resnet_tf.train(tiny(), broken)
    assert compare(straight, broken)["equal"]
    assert recorded(broken) == "tensorflow"


@needs_kernels
@pytest.mark.usefixtures("bare")
def test_a_run_resumes_with_its_instructions(tiny, tmp_path):
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    resnet_tf.train(tiny(kernels="native_baseline"), straight)
    stopped(tiny(kernels="native_baseline"), broken)
    resnet_tf.train(tiny(kernels="native"), broken)
    assert compare(straight, broken)["equal"]
    assert recorded(broken) == "native_baseline"


@needs_kernels
@pytest.mark.usefixtures("bare")
def test_a_run_refuses_to_resume_with_other_kernels(tiny, tmp_path, monkeypatch):
    stopped(tiny(), tmp_path)
    own = recorded(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        RunFolder(tmp_path, tiny(kernels="tensorflow"))
    assert f"kernels ({own} there, tensorflow here)" in str(caught.value)
    assert str(caught.value).endswith(f"or resume this one with --kernels={own}")
    monkeypatch.setattr(choice, "reason", lambda: "not compiled")
    with pytest.raises(CheckpointError) as caught:
        resnet_tf.train(tiny(), tmp_path)
    message = str(caught.value)
    assert message.startswith(
        f"run folder {tmp_path} must resume with kernels={own}, which is not possible "
        "here: not compiled; give another --run_dir"
    )
    assert "\n" not in message


def test_kernels_that_cannot_compute_are_refused(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "reason", lambda: "not compiled")
    with pytest.raises(SettingError, match="=native is not possible here: not compi"):
        resnet_tf.train(tiny(kernels="native"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("asked", "found", "kept"),
    [
        ("auto", "tensorflow", True),
        ("auto", "native_avx2", True),
        ("native", "native_avx2", True),
        ("native", "tensorflow", False),
        ("native_avx512", "native_avx2", False),
        ("tensorflow", "native_avx2", False),
    ],
)
def test_open_kernels_are_taken_from_the_run(tiny, asked, found, kept):
    config = continued(tiny(kernels=found), tiny(kernels=asked))
    assert config.train.kernels == (found if kept else asked)


@needs_kernels
@pytest.mark.parametrize(
    ("asked", "others", "expected"),
    [
        ("auto", 0, "tensorflow"),
        ("auto", 1, "native_baseline"),
        ("native", 1, "native_baseline"),
        ("native_baseline", 3, "native_baseline"),
    ],
)
def test_workers_take_the_best_kernels_of_all(tiny, tmp_path, asked, others, expected):
    """Other workers have kernels by their rank, with TensorFlow's first."""

    class Workers:
        chief = True

        def gather(self, values):
            return np.array([values, [others]])

    folder = RunFolder(tmp_path / "run", tiny(kernels=asked))
    with folder.held():
        assert settle_kernels(folder, Workers()).train.kernels == expected
        assert recorded(tmp_path / "run") == expected


@pytest.mark.slow  # Several processes; test_stop.py does the same without them.
@needs_kernels
def test_interruptions_change_no_bit_with_native_kernels(capsys):
    with pytest.raises(SystemExit) as caught:
        main(
            "verify-resume --recipe=quickstart --train_batch_size=16 --report_freq=3 "
            "--kernels=native --steps=5 --interruptions=2".split()
        )
    assert caught.value.code == 0
    assert "are equal, bit for bit" in capsys.readouterr().out
