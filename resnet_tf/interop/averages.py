"""Moving averages for a source that has none, from training images."""

import dataclasses

import keras
import numpy as np

from resnet_tf.data.pipeline import normalize
from resnet_tf.data.sources import ensure_available, load_split, require_classes
from resnet_tf.errors import SettingError
from resnet_tf.interop.source import Source
from resnet_tf.interop.statistics import recompute_statistics

# More change an average over batches of 125 by little.
MOST_IMAGES = 10_000


def with_averages(source: Source, images: np.ndarray) -> Source:
    """Returns a source whose batch norm uses moving averages in evaluation.

    Args:
        source: One that has none.
        images: uint8 array (N, side, side, 3), RGB, of training images; `assign`
            runs them through the network, see `recompute_statistics`.
    """
    config = source.config
    model = dataclasses.replace(config.model, bn_eval="moving")

    def assign(network: keras.Model) -> int:
        used = source.assign(network)
        recompute_statistics(network, images, lambda x: normalize(x, config.data))
        return used

    note = (
        "The checkpoint has no moving averages: those of batch norm (bn_eval=moving) "
        f"were recomputed here on {len(images):,} training images. The original "
        "evaluates with each batch's own statistics (bn_eval=batch)."
    )
    return dataclasses.replace(
        source,
        config=dataclasses.replace(config, model=model),
        assign=assign,
        notes=(note,),
        averaged_images=len(images),
    )


def chosen_averages(
    source: Source, bn_eval: str | None, data_dir: str | None, cache_dir: str | None
) -> Source:
    """Returns the source as asked for; see `import_weights` for the arguments.

    The averages are computed from the first `MOST_IMAGES` training images.

    Raises:
        DataError: If the images are needed and not available.
        SettingError: If the source has averages, and `bn_eval` is given.
    """
    if source.averages:
        if bn_eval is not None:
            raise SettingError(
                "bn_eval needs a checkpoint without moving averages, received "
                f"bn_eval={bn_eval} for {source.family}"
            )
        return source
    if (bn_eval or ("moving" if data_dir else "batch")) == "batch":
        return source
    data = dataclasses.replace(
        source.config.data, data_dir=data_dir, cache_dir=cache_dir, download=False
    )
    ensure_available(data)
    split = load_split(data, "train")
    require_classes(split, source.config.model.num_classes)
    return with_averages(source, split.images[:MOST_IMAGES])
