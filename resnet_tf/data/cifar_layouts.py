"""The official versions of CIFAR: their files and the layout of each file."""

import dataclasses
from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """One official version of one data set.

    Attributes:
        folder: Name of the folder, also inside the archive.
        archive: Name of the archive.
        train: Names of the files of the training images, in order.
        test: Name of the file of the test images.
        num_classes: Number of labels.
        labels: Key of the labels in the Python version.
        label_bytes: Number of bytes before the pixels of an image in the binary
            version; 0 for the Python version.
        label_at: Index of the label among these bytes.
    """

    folder: str
    archive: str
    train: tuple[str, ...]
    test: str
    num_classes: int
    labels: str = ""
    label_bytes: int = 0
    label_at: int = 0

    def files(self, test: bool) -> tuple[str, ...]:
        """Returns the file names of a split, in order."""
        return (self.test,) if test else self.train


_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
LAYOUTS = {
    "cifar10": (
        Layout(
            folder="cifar-10-batches-py",
            archive="cifar-10-python.tar.gz",
            train=_BATCHES,
            test="test_batch",
            num_classes=10,
            labels="labels",
        ),
        Layout(
            folder="cifar-10-batches-bin",
            archive="cifar-10-binary.tar.gz",
            train=tuple(f"{name}.bin" for name in _BATCHES),
            test="test_batch.bin",
            num_classes=10,
            label_bytes=1,
        ),
    ),
    "cifar100": (
        Layout(
            folder="cifar-100-python",
            archive="cifar-100-python.tar.gz",
            train=("train",),
            test="test",
            num_classes=100,
            labels="fine_labels",
        ),
        Layout(
            folder="cifar-100-binary",
            archive="cifar-100-binary.tar.gz",
            train=("train.bin",),
            test="test.bin",
            num_classes=100,
            label_bytes=2,
            label_at=1,
        ),
    ),
}
# The same files with the labels of the 20 superclasses.
LAYOUTS["cifar100_coarse"] = tuple(
    dataclasses.replace(
        layout,
        num_classes=20,
        labels=layout.labels and "coarse_labels",
        label_at=0,
    )
    for layout in LAYOUTS["cifar100"]
)
