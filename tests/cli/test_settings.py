import json

import numpy as np
import pytest
from PIL import Image

from resnet_tf.cli.settings import experiment


@pytest.fixture
def values(tmp_path):
    """Returns a folder with nineteen images in each of three classes."""
    for name in ("ant", "bee", "cat"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(19):
            pixels = np.full((4, 4, 3), index, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    return {"dataset": "folder", "data_dir": str(tmp_path / "photos")}


def test_a_run_keeps_its_original_split(values, tmp_path):
    new = experiment(values, "quickstart", tmp_path / "run")
    assert (new.data.folder_split, new.data.validation_size) == ("class", 3)
    old = experiment({**values, "folder_split": "hash"}, "quickstart")
    assert (old.data.folder_split, old.data.validation_size) == ("hash", 5)
    written = old.to_dict()
    # As written by versions without this setting.
    del written["data"]["folder_split"]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps(written))
    assert experiment(values, "quickstart", tmp_path / "run") == old
    for index in range(11):
        (tmp_path / "photos" / "ant" / f"{index}.png").unlink()
    assert experiment(values, "quickstart", tmp_path / "run").data.validation_size == 4
    (tmp_path / "run" / "data.json").write_text("{}")
    assert experiment(values, "quickstart", tmp_path / "run").data.validation_size == 5
    given = {**values, "folder_split": "class", "validation_size": 3}
    assert experiment(given, "quickstart", tmp_path / "run") == new


def test_a_run_on_another_data_set_keeps_nothing(values, tmp_path):
    digits = experiment({}, "quickstart")
    assert digits.data.folder_split == "class"
    old = digits.to_dict()
    old["data"]["folder_split"] = "hash"
    assert type(digits).from_dict(old) == digits
    (tmp_path / "config.json").write_text(json.dumps(old))
    config = experiment(values, "quickstart", tmp_path)
    assert config.data.folder_split == "class"
