import api
import pytest

import resnet_tf


def test_the_reference_is_built_without_a_warning(tmp_path):
    api.build(tmp_path)
    for name in api.rooms():
        assert (tmp_path / f"{name.replace('.', '/')}.html").is_file()
    page = (tmp_path / "resnet_tf.html").read_text()
    assert all(f'id="{name}"' in page for name in resnet_tf.__all__)
    assert "Raises" in page and not (tmp_path / "resnet_tf/cli").exists()


def test_a_warning_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "wrong.py").write_text("def double(x: 'Nothing'):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(api, "rooms", lambda: ["wrong"])
    with pytest.raises(UserWarning, match="Error parsing type annotation"):
        api.build(tmp_path / "api")
