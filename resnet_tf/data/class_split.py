"""How many images each class gives to a part that is held out."""

from collections.abc import Sequence


def held_out(counts: Sequence[int], total: int) -> list[int]:
    """Returns how many images of each class are held out.

    Every class with two images or more gives one, the larger classes first; the rest
    goes to the class with the most images for each that it gives (the method of
    D'Hondt). The last image of a class is only taken when there is no other left.

    Args:
        counts: Images of each class.
        total: Images to hold out, at most the sum of `counts`.
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
    """Returns a tenth of each class of two images or more, at least one image each."""
    return sum(max(1, count // 10) for count in counts if count > 1)
