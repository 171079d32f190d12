"""The figures of the errors of networks, and of their differences, as JSON values."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from resnet_tf.analysis.intervals import error_interval, parts
from resnet_tf.analysis.paired import difference_interval, differences, mcnemar

# The wrong predictions of a network by seed: bool arrays (n,).
WrongBySeed = Mapping[int, np.ndarray]


def error_figures(wrong: np.ndarray) -> dict[str, Any]:
    """Returns the errors of a network.

    Args:
        wrong: bool array (runs, n), True for each wrong prediction.

    Returns:
        A dict of `errors` (one a run), `error` (their mean), `error_sd` (None with one
        run), `interval` (95 %) and `deviations`, in percent. `deviations` has the parts
        `images` and `seeds` of the standard deviation of the mean.
    """
    errors = 100 * wrong.mean(axis=1)
    return {
        "errors": errors.tolist(),
        "error": float(errors.mean()),
        "error_sd": float(errors.std(ddof=1)) if len(errors) > 1 else None,
        "interval": list(error_interval(wrong)),
        "deviations": _deviations(wrong.astype(np.float64)),
    }


def pair_figures(a: WrongBySeed, b: WrongBySeed) -> dict[str, Any]:
    """Returns the difference of the errors of two networks on the same images.

    Runs with the same seed see the images in the same order, so they are paired.

    Args:
        a: Wrong predictions of the first network.
        b: Wrong predictions of the second network.

    Returns:
        A dict of `difference`, `interval` (95 %) and `deviations`, in percentage
        points, `seeds` (one of each network), and `only_a_wrong`, `only_b_wrong` and
        `p` (McNemar's test of the runs with these seeds).
    """
    common = sorted(a.keys() & b.keys())
    tested = [common[0]] * 2 if common else [next(iter(one)) for one in (a, b)]
    ordered = [
        np.stack([one[seed] for seed in dict.fromkeys([*common, *one])])
        for one in (a, b)
    ]
    values = differences(*(one.astype(np.float64) for one in ordered))
    return {
        "difference": 100 * float(ordered[0].mean() - ordered[1].mean()),
        "interval": list(difference_interval(*ordered)),
        "deviations": _deviations(values),
        "seeds": tested,
        **mcnemar(a[tested[0]], b[tested[1]])._asdict(),
    }


def _deviations(values: np.ndarray) -> dict[str, float]:
    """Returns the standard deviation of the mean from images and from seeds.

    Args:
        values: Float array (runs, n); see `parts`.

    Returns:
        `images` and `seeds`, in percentage points.
    """
    found = parts(values)
    return {
        "images": 100 * float(np.sqrt(found.images)),
        "seeds": 100 * float(np.sqrt(found.seeds)),
    }
