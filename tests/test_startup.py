import os

import pytest

from resnet_tf import startup


def test_one_thread_per_operation(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    startup.one_thread_an_operation()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"


def test_the_users_setting_is_kept(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    startup.one_thread_an_operation()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"


@pytest.mark.parametrize(("given", "taken"), [(None, "1"), ("0", "0")])
def test_onednn_is_enabled_unless_the_user_disables_it(given, taken, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    if given is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given)
    startup.import_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == taken
