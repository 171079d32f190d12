import pytest

from resnet_tf.checkpoints import resolve as module
from resnet_tf.checkpoints.resolve import pretrained_names, resolve
from resnet_tf.errors import CheckpointError


@pytest.fixture
def released(tmp_path, monkeypatch):
    folder = tmp_path / "pretrained" / "model_8"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    monkeypatch.setattr(module, "pretrained_root", lambda: tmp_path / "pretrained")
    monkeypatch.chdir(tmp_path)
    return folder


def test_a_released_model_by_name(released):
    assert resolve("model_8") == released
    assert pretrained_names() == ["model_8"]


def test_a_path_takes_precedence_over_a_name(released, tmp_path):
    own = tmp_path / "model_8"
    own.mkdir()
    (own / "config.json").write_text("{}")
    assert resolve("model_8").resolve() == own


def test_a_tilde_is_the_home_folder(released, tmp_path, monkeypatch):
    """Shells do not expand the "~" of `--ckpt=~/model`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve("~/pretrained/model_8") == released


def test_an_unknown_name_lists_the_known_ones(released):
    with pytest.raises(CheckpointError, match=r"\(model_8\), received 'model_9'"):
        resolve("model_9")


def test_a_file_of_another_project(released):
    with pytest.raises(CheckpointError) as caught:
        resolve("nets/resnet 20.th")
    assert str(caught.value).endswith(
        "received 'nets/resnet 20.th'; import a file of another project: python -m "
        "resnet_tf import 'nets/resnet 20.th' --output='resnet 20_imported'"
    )
