"""The number of images of each class in a held-out part."""

from collections.abc import Sequence


def held_out(counts: Sequence[int], total: int) -> list[int]:
    """Returns the number of held-out images of each class.

    Every class with at least two images gives one, larger classes first. The rest is
    distributed in proportion to the class sizes (D'Hondt's method). The last image of a
    class is taken only if no other image is left.

    Args:
        counts: Number of images of each class.
        total: Number of images to hold out, at most the sum of `counts`.
    """
    order = []
    for label, count in enumerate(counts):
        for number in range(1, count + 1):
            level = 2 if number == count else int(number > 1)
            order.append((level, -count / number, label))
    taken = [0] * len(counts)
    for _, _, label in sorted(order)[:total]:
        taken[label] += 1
    return taken


def tenth(counts: Sequence[int]) -> int:
    """Returns the sum of a tenth of each class of two or more images, at least one
    each."""
    return sum(max(1, count // 10) for count in counts if count > 1)
