import os

import pytest

from resnet_tf import startup


def test_one_thread_an_operation(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    startup.one_thread_an_operation()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"


def test_what_the_user_set_stays(monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    startup.one_thread_an_operation()
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "3"


@pytest.mark.parametrize(("given", "taken"), [(None, "1"), ("0", "0")])
def test_onednn_unless_the_user_says_otherwise(given, taken, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    if given is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given)
    startup.import_tensorflow()
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == taken
