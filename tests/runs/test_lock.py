import os
import platform

import pytest

import resnet_tf
from resnet_tf.errors import RunFolderError
from resnet_tf.runs.lock import locked


def test_a_second_process_is_refused_with_the_holder(tmp_path):
    owner = f"in use by process {os.getpid()} on {platform.node()}; wait"
    with locked(tmp_path):
        with pytest.raises(RunFolderError, match=owner) as caught, locked(tmp_path):
            pytest.fail("not reached")
        assert caught.value.exit_code == 6
    with locked(tmp_path):
        pass


@pytest.mark.usefixtures("bare")
def test_a_run_holds_its_folder(tiny, tmp_path):
    config = tiny(train_steps=1)
    with locked(tmp_path), pytest.raises(RunFolderError, match="is in use"):
        resnet_tf.train(config, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.lock"]

    def second(step):
        with pytest.raises(RunFolderError, match="is in use"):
            resnet_tf.train(config, tmp_path)

    assert resnet_tf.train(config, tmp_path, on_call=second)["step"] == 1


def test_a_lock_file_by_itself_means_nothing(tmp_path):
    (tmp_path / "run.lock").write_text("process 1 on another\n")
    with locked(tmp_path):
        assert f"process {os.getpid()} on" in (tmp_path / "run.lock").read_text()


def test_a_deleted_lock_file_is_not_a_lock(tmp_path, monkeypatch):
    def flock(file, operation):
        os.remove(file.name)
        (tmp_path / "run.lock").write_text("process 1 on another\n")

    monkeypatch.setattr("resnet_tf.runs.lock.fcntl.flock", flock)
    with pytest.raises(RunFolderError, match="in use"), locked(tmp_path):
        pytest.fail("not reached")


def test_a_run_without_results_leaves_an_empty_folder(tiny, tmp_path):
    config = tiny(init_from="nowhere")
    with pytest.raises(FileNotFoundError, match="init_from must be a checkpoint"):
        resnet_tf.train(config, tmp_path)
    assert list(tmp_path.iterdir()) == []
