"""The base class of the residual blocks: a residual branch and a shortcut."""

import keras

from resnet_tf.layers.block import Block
from resnet_tf.layers.dropout import dropout


class Residual(Block):
    """Base class of the residual blocks: a residual branch F(x) plus a shortcut.

    Args:
        zero_init_residual: Whether the last weights of the branch start as zeros, so
            that the block starts as its shortcut: the scale of the last batch norm
            (Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 5.1), or the
            kernel of the last convolution if no batch norm follows it.
        drop_rate: Probability in [0, 1) that training drops the branch of an image
            (stochastic depth, Huang et al. 2016, https://arxiv.org/abs/1603.09382).
            Training divides the other branches by 1 - drop_rate. The paper instead
            multiplies the branch by 1 - drop_rate in inference.
        **kwargs: See `Block`.

    Raises:
        ValueError: If `drop_rate` is out of range.
    """

    def __init__(
        self, *, zero_init_residual: bool = False, drop_rate: float = 0.0, **kwargs
    ):
        super().__init__(**kwargs)
        if not 0 <= drop_rate < 1:
            raise ValueError(f"drop_rate must be in [0, 1), received {drop_rate}")
        self.zero_init_residual = zero_init_residual
        self.drop_rate = drop_rate

    def _last_of_branch(self, part, weight: str):
        """Returns the last layer of the branch, whose `weight` can start as zeros."""
        # The initializer that it replaces has drawn its seed: the seeds of all other
        # weights stay.
        if self.zero_init_residual:
            setattr(part, f"{weight}_initializer", keras.initializers.Zeros())
        return part

    def _drops(self, training) -> bool:
        """Returns whether this call drops the branches of some images."""
        return bool(self.drop_rate and training)

    def _with_drops(self, branch, shortcut):
        """Returns the branch, dropped for some images, plus the shortcut."""
        place = f"{self.name}/branch"
        branch = dropout(branch, self.drop_rate, place, whole_images=True)
        return branch if shortcut is None else branch + shortcut

    def get_config(self):
        return {
            **super().get_config(),
            "zero_init_residual": self.zero_init_residual,
            "drop_rate": self.drop_rate,
        }
