import socket
import time
import urllib.error

import pytest

from resnet_tf.data import host


def test_a_closed_port_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not host.answers(f"127.0.0.1:{port}")


def test_a_silent_host_is_given_up(monkeypatch):
    monkeypatch.setattr(host, "PROBE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        start = time.monotonic()
        assert not host.answers(f"127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - start < 30


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_name_that_is_not_found(monkeypatch, seconds):
    def look_up(*_, **__):
        time.sleep(seconds)
        raise OSError("no network")

    monkeypatch.setattr(host, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(host.urllib.request, "urlopen", look_up)
    start = time.monotonic()
    assert not host.answers("a.b")
    assert time.monotonic() - start < 30


def test_a_host_that_says_no_answers(monkeypatch):
    def urlopen(request, timeout):
        assert request.full_url == "https://a.b" and request.method == "HEAD"
        raise urllib.error.HTTPError("https://a.b", 400, "no", {}, None)

    monkeypatch.setattr(host.urllib.request, "urlopen", urlopen)
    assert host.answers("a.b")
