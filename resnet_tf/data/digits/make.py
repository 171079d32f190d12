"""Writes `digits.npz` from scikit-learn's copy of the UCI digits.

    pip install scikit-learn && python -m resnet_tf.data.digits.make

The stored order shuffles the images of each class and sorts all images by their
relative rank in the class. So every contiguous range, e.g. each split, is stratified.
"""

from pathlib import Path

import numpy as np

LICENCE = "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/"
CITATION = (
    "E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits. "
    "UCI Machine Learning Repository. https://doi.org/10.24432/C50P49"
)
SEED = 0


def stratified_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Returns a permutation in which every range has nearly equal class shares."""
    generator = np.random.default_rng(seed)
    rank = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        rank[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.argsort(rank, kind="stable").astype(np.int16)


def main() -> None:
    """Writes the file next to this module."""
    from sklearn.datasets import load_digits

    source = load_digits()
    labels = source.target.astype(np.uint8)
    path = Path(__file__).with_name("digits.npz")
    np.savez_compressed(
        path,
        images=source.images.astype(np.uint8),
        labels=labels,
        order=stratified_order(labels, SEED),
        licence=np.array(LICENCE),
        citation=np.array(CITATION),
    )
    print(f"{path}: {path.stat().st_size} bytes, {len(labels)} images")


if __name__ == "__main__":
    main()
