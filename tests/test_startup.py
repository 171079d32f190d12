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


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone has it")
def test_cores_are_those_of_this_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 5, 7})
    assert startup.cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert startup.cores() == 6
