"""A deeper residual network that starts as the function of a shallower one.

Each block beyond those of the shallower network adds nothing at first: the weights
that end its residual are zeros, so that it hands on its input (identity blocks as in
Chen et al. 2016, Net2Net, https://arxiv.org/abs/1511.05641, section 2.4).
"""

import keras

from resnet_tf.config import HEAD, RESNET, ExperimentConfig, ModelConfig
from resnet_tf.errors import SettingError


def require_growth(shallow: ModelConfig, deep: ModelConfig) -> None:
    """Refuses a pair of networks of which one cannot start as the other.

    Args:
        shallow: The trained network; apart from `num_residual_blocks` it is
            compared elsewhere.
        deep: The one to start.

    Raises:
        SettingError: If `deep` is no residual network with shortcuts, or not the
            deeper one.
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
    """Gives a new model the weights of a shallower one of the same kind.

    Args:
        source: The shallower network. Its head is passed over where the number of
            classes differs.
        model: The deeper one, new.
        config: Describes `model`.

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
    """Returns the path in a block of the weight that its residual is a multiple of.

    Before addition comes a convolution, or its batch norm: were the convolution
    zero there, batch norm would divide its gradient by next to nothing.
    """
    if config.order == "post":
        return "/bn2/gamma"
    return "/conv3/kernel" if config.bottleneck else "/conv2/kernel"
