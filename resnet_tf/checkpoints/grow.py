"""Initialization of a deeper residual network that computes a shallower one.

Each additional block is initially the identity: the last weights of its residual branch
are zeros, so that the block returns its input (identity blocks as in Chen et al. 2016,
Net2Net, https://arxiv.org/abs/1511.05641, section 2.4).
"""

import keras

from resnet_tf.config import HEAD, RESNET, ExperimentConfig, ModelConfig
from resnet_tf.errors import SettingError


def require_growth(shallow: ModelConfig, deep: ModelConfig) -> None:
    """Raises unless one network can start as the other.

    Args:
        shallow: The trained network. Only its `num_residual_blocks` is checked here.
        deep: The network to initialize.

    Raises:
        SettingError: If `deep` is not a residual network with shortcuts, or is less
            deep than `shallow`.
    """
    if deep.model != RESNET or deep.shortcut == "none":
        raise SettingError(
            "grow needs a residual network with shortcuts, received "
            f"model={deep.model}, shortcut={deep.shortcut}"
        )
    if shallow.num_residual_blocks > deep.num_residual_blocks:
        raise SettingError(
            f"grow needs num_residual_blocks of at least "
            f"{shallow.num_residual_blocks}, as the source has them, received "
            f"{deep.num_residual_blocks}"
        )


def grow(source: keras.Model, model: keras.Model, config: ExperimentConfig) -> int:
    """Initializes a new model with the weights of a shallower one of the same kind.

    Args:
        source: The shallower network. Its head is skipped if the number of classes
            differs.
        model: The deeper network, new.
        config: The experiment of `model`.

    Returns:
        The number of weights copied.
    """
    same_head = source.output_shape == model.output_shape
    known = {weight.path: weight for weight in source.weights}
    end = _end_of_residual(config.model)
    copied = 0
    for weight in model.weights:
        if weight.path in known:
            if same_head or not weight.path.startswith(f"{HEAD}/"):
                weight.assign(keras.ops.convert_to_numpy(known[weight.path]))
                copied += 1
        elif weight.path.endswith(end):
            weight.assign(keras.ops.zeros_like(weight))
    return copied


def _end_of_residual(config: ModelConfig) -> str:
    """Returns the path, within a block, of the last weight of its residual branch.

    The addition follows a convolution or the batch norm after it. If the convolution
    before a batch norm were zero, the batch norm would divide its gradient by almost
    zero.
    """
    if config.order == "post":
        return "/bn2/gamma"
    return "/conv3/kernel" if config.bottleneck else "/conv2/kernel"
