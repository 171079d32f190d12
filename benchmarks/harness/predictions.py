"""Loads the released ResNet-20 and classifies 1,000 random images."""

import numpy as np

from resnet_tf.checkpoints.resolve import resolve
from resnet_tf.data.split import Split
from resnet_tf.startup import import_tensorflow

IMAGES = 1000


def main() -> None:
    """Predicts, and checks that there is one class per image."""
    import_tensorflow()
    from resnet_tf.checkpoints.weights import load_checkpoint
    from resnet_tf.evaluation.full_pass import FullPass

    checkpoint = load_checkpoint(resolve("model_20"))
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 3), np.uint8)
    labels = np.zeros(IMAGES, np.int32)
    split = Split("test", images, labels, tuple("0123456789"))
    result = FullPass(checkpoint.model, checkpoint.config.data)(split, batch_size=250)
    if result.predictions.shape != (IMAGES,):
        raise RuntimeError(f"expected {IMAGES} classes, got {result.predictions.shape}")


if __name__ == "__main__":
    main()
