import matplotlib.image
import numpy as np
import pytest

from resnet_tf.cli.main import main
from resnet_tf.config import DataConfig
from resnet_tf.data.sources import load_split


def preview(tmp_path, *arguments):
    path = tmp_path / "sheet.png"
    main(["preview", "--dataset=digits", f"--output={path}", *arguments])
    sheet = (matplotlib.image.imread(path)[..., :3] * 255).round().astype(np.uint8)
    assert sheet.shape == (5 * 100, 10 * 100, 3)
    # Each image is enlarged by 3 and has a frame of two white pixels.
    cells = sheet.reshape(5, 100, 10, 100, 3).swapaxes(1, 2)
    assert np.all(cells[:, :, [0, 1, -2, -1]] == 255)
    return cells[:, :, 2:-2:3, 2:-2:3]


def test_originals_are_above(tmp_path, capsys):
    rows = preview(tmp_path, "--recipe=onecycle")
    np.testing.assert_array_equal(
        rows[0], load_split(DataConfig(dataset="digits"), "train").images[:10]
    )
    assert "10 images, 4 augmented versions below" in capsys.readouterr().out


def test_augmented_images_are_below(tmp_path):
    rows = preview(tmp_path, "--recipe=onecycle")
    padded = np.pad(rows[0], [(0, 0), (4, 4), (4, 4), (0, 0)])
    for row in rows[1:]:
        for image, large in zip(row, padded, strict=True):
            windows = [
                large[i : i + 32, j : j + 32] for i in range(9) for j in range(9)
            ]
            assert any(np.array_equal(image, window) for window in windows)
    assert not np.array_equal(rows[1], rows[2])


def test_alternating_flips_turn_from_row_to_row(tmp_path, fake_cifar):
    rows = preview(
        tmp_path, "--recipe=onecycle", "--padding_size=0", "--flip_order=alternating",
        "--dataset=cifar10", f"--data_dir={fake_cifar}", "--validation_size=16",
        f"--cache_dir={tmp_path}",
    )  # fmt: skip
    first = [np.array_equal(*pair) for pair in zip(rows[0], rows[1], strict=True)]
    assert 0 < sum(first) < 10
    for update, row in enumerate(rows[1:]):
        for image, original, plain in zip(row, rows[0], first, strict=True):
            side = 1 if plain ^ (update % 2) else -1
            np.testing.assert_array_equal(image, original[:, ::side])


def test_new_augmentations_are_shown(tmp_path):
    plain = ("--recipe=onecycle", "--padding_size=0")
    tricks = ("--auto_augment=trivialaugment", "--erasing=1", "--cutmix=1")
    rows = preview(tmp_path, *plain, *tricks)
    for row in rows[1:]:
        assert sum(np.any(row != rows[0], axis=(1, 2, 3))) == 10


def test_without_augmentation_the_rows_are_equal(tmp_path):
    rows = preview(tmp_path, "--recipe=onecycle", "--padding_size=0", "--noflip")
    for row in rows[1:]:
        np.testing.assert_array_equal(row, rows[0])


def test_whitened_images_are_visible(tmp_path):
    rows = preview(tmp_path, "--recipe=wenxinxu", "--padding_size=0")
    assert rows[0].mean() == pytest.approx(128, abs=4)
    assert rows[0].std() > 40


@pytest.mark.parametrize(
    ("output", "code", "rule"),
    [
        ("sheet.jpg", 2, "output must be a .png file, received"),
        ("/nowhere/sheet.png", 6, "output must be a file in a folder that exists"),
        ("folder.png", 6, "output must be a file in a folder that exists"),
    ],
)
def test_a_wrong_output(output, code, rule, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SystemExit) as caught:
        main(["preview", "--dataset=digits", f"--output={output}"])
    assert caught.value.code == code
    assert rule in capsys.readouterr().err
