import socket
import threading
import urllib.error

from resnet_tf.data import host


def test_a_closed_port_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not host.answers(f"127.0.0.1:{port}")


def test_a_silent_host_times_out(monkeypatch):
    monkeypatch.setattr(host, "PROBE_SECONDS", 0.2)
    answers = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = f"127.0.0.1:{server.getsockname()[1]}"
        probe = threading.Thread(target=lambda: answers.append(host.answers(name)))
        probe.daemon = True
        probe.start()
        # The server is silent during the wait.
        probe.join(60)
        assert answers == [False]


def test_a_name_that_is_not_found(monkeypatch):
    def look_up(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(host.urllib.request, "urlopen", look_up)
    assert not host.answers("a.b")


def test_a_slow_look_up_times_out(monkeypatch):
    given_up, ended = threading.Event(), threading.Event()

    def look_up(*_, **__):
        given_up.wait(60)
        ended.set()
        raise OSError("no network")

    monkeypatch.setattr(host, "PROBE_SECONDS", 0.2)
    monkeypatch.setattr(host.urllib.request, "urlopen", look_up)
    assert not host.answers("a.b")
    assert not ended.is_set()
    given_up.set()


def test_an_http_error_is_an_answer(monkeypatch):
    def urlopen(request, timeout):
        assert request.full_url == "https://a.b" and request.method == "HEAD"
        raise urllib.error.HTTPError("https://a.b", 400, "no", {}, None)

    monkeypatch.setattr(host.urllib.request, "urlopen", urlopen)
    assert host.answers("a.b")
