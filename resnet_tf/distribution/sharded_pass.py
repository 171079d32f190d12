"""A pass over whole splits that the workers share."""

import numpy as np

from resnet_tf.data.split import Split
from resnet_tf.distribution.workers import Workers
from resnet_tf.evaluation.full_pass import FullPass, Result


class ShardedPass:
    """Runs a model over whole splits; every image counts once.

    Args:
        full_pass: The pass that this worker runs on its images.
        workers: The workers that share the images; all must call the pass.
    """

    def __init__(self, full_pass: FullPass, workers: Workers):
        self._pass = full_pass
        self._workers = workers

    def __call__(self, split: Split, batch_size: int) -> Result:
        """Returns the result over all images, on each worker.

        Args:
            split: The images, at least one.
            batch_size: Number of images in a batch of a worker.
        """
        workers, images = self._workers, len(split)
        if workers.number == 1:
            return self._pass(split, batch_size)
        share = -(-images // workers.number)
        # The last image is repeated, so that all shares have the same size.
        mine = np.arange(share * workers.index, share * (workers.index + 1))
        logits = self._pass.logits(
            split.images[np.minimum(mine, images - 1)], batch_size
        )
        gathered = workers.gather(logits)
        logits = gathered.reshape(-1, logits.shape[1])[:images]
        return Result(split.name, logits, split.labels, split.class_names)
