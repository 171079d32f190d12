import pytest

from resnet_tf.data.folder_listing import held_out, tenth


@pytest.fixture(autouse=True)
def seeded():
    """Nothing here uses Keras."""


@pytest.mark.parametrize(
    ("counts", "total", "expected"),
    [
        ([4, 4, 4], 3, [1, 1, 1]),
        ([40, 3, 12], 5, [3, 1, 1]),
        ([40, 3, 12], 2, [1, 0, 1]),
        ([1, 1, 5], 1, [0, 0, 1]),
        ([1, 1], 1, [1, 0]),
        ([2, 2, 2], 5, [2, 2, 1]),
        ([9], 0, [0]),
        ([3, 0], 3, [3, 0]),
        ([100, 200, 30], 33, [10, 20, 3]),
    ],
)
def test_every_class_gives_one_and_keeps_one(counts, total, expected):
    assert held_out(counts, total) == expected


def test_a_tenth_of_each_class():
    counts = [1, 2, 9, 10, 19, 20, 305]
    assert tenth(counts) == 0 + 1 + 1 + 1 + 1 + 2 + 30
    assert held_out(counts, tenth(counts)) == [0, 1, 1, 1, 1, 2, 30]
