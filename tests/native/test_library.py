import pytest

from resnet_tf import native
from resnet_tf.native import library


@pytest.mark.skipif(not native.available(), reason="no native kernels")
def test_a_library_of_other_sources_does_not_compute(monkeypatch):
    monkeypatch.setattr(library, "digest", lambda folder: "other")
    module, _, reason = library._loaded.__wrapped__()
    assert module is None
    assert reason == (
        "they were compiled from other sources; `pip install -e .` compiles them"
    )


def test_the_digest_changes_with_every_file(tmp_path):
    (tmp_path / "a.h").write_text("1")
    (tmp_path / "b.cpp").write_text("2")
    before = library.digest(tmp_path)
    assert before == library.digest(tmp_path)
    (tmp_path / "b.cpp").write_text("3")
    changed = library.digest(tmp_path)
    (tmp_path / "b.cpp").rename(tmp_path / "c.cpp")
    assert len({before, changed, library.digest(tmp_path)}) == 3
