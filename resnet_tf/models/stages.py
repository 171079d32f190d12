"""The loops that build the residual and the dense stages of the networks."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras

from resnet_tf.layers import DenseJoin, DenseLayer, Transition, compressed
from resnet_tf.models.parts import Parts


class Place(NamedTuple):
    """The place of a residual block in its network.

    Attributes:
        stage: Number of the stage, from 1.
        block: Number of the block in its stage, from 1.
        filters: Channels of the stage.
        strides: 2 in the first block of every stage except the first, otherwise 1.
        depth: Index of the block in the network, from 1, divided by the number of
            blocks: l / L.
    """

    stage: int
    block: int
    filters: int
    strides: int
    depth: float

    @property
    def name(self) -> str:
        """Name of the block's layer."""
        return f"stage{self.stage}_block{self.block}"

    def projected(self, kind: str) -> str:
        """Returns `kind` if the block changes the size, otherwise "identity"."""
        return kind if self.strides == 2 else "identity"


def residual_stages(
    x: keras.KerasTensor,
    lengths: Sequence[int],
    filters: Sequence[int],
    make_block: Callable[[Place], keras.layers.Layer],
) -> dict[str, keras.KerasTensor]:
    """Returns the outputs of the stages by name: "stage1", "stage2", ...

    Args:
        x: Output of the stem.
        lengths: Number of blocks in each stage.
        filters: Channels of each stage.
        make_block: Function from a place to the block for it.
    """
    outputs = {}
    before, total = 0, sum(lengths)
    sizes = zip(lengths, filters, strict=True)
    for stage, (length, width) in enumerate(sizes, start=1):
        for block in range(1, length + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            depth = (before + block) / total
            x = make_block(Place(stage, block, width, strides, depth))(x)
        before += length
        outputs[f"stage{stage}"] = x
    return outputs


def residual_options(parts: Parts, place: Place) -> dict[str, Any]:
    """Returns the arguments that the residual block at a place shares with all others.

    The probability that stochastic depth drops a branch rises linearly with the depth
    (Huang et al. 2016, https://arxiv.org/abs/1603.09382, section 3).
    """
    return {
        "name": place.name,
        "zero_init_residual": parts.config.zero_init_residual,
        "drop_rate": parts.config.stochastic_depth * place.depth,
        **parts.options,
    }


def dense_stages(
    parts: Parts,
    x: keras.KerasTensor,
    lengths: Sequence[int],
    compression: float,
    **dense_layer,
) -> dict[str, keras.KerasTensor]:
    """Returns the outputs of the dense blocks by name: "stage1", "stage2", ...

    Args:
        parts: Shared parts of the network.
        x: Output of the stem.
        lengths: Number of layers in each dense block.
        compression: Share of the channels that each transition keeps, in (0, 1].
        **dense_layer: Arguments of every `DenseLayer`.
    """
    outputs = {}
    options: dict[str, Any] = {
        "dropout_rate": parts.config.dropout_rate,
        **parts.options,
    }
    for stage, length in enumerate(lengths, start=1):
        if stage > 1:
            kept = compressed(x.shape[-1], compression)
            x = Transition(kept, name=f"transition{stage - 1}", **options)(x)
        maps = [x]
        for layer in range(1, length + 1):
            maps = DenseLayer(
                memory_efficient=parts.config.memory_efficient,
                joined=True,
                name=f"stage{stage}_layer{layer}",
                **dense_layer,
                **options,
            )(maps)
        join = DenseJoin(name=f"stage{stage}_concat", dtype=parts.options["dtype"])
        x = join(maps)
        outputs[f"stage{stage}"] = x
    return outputs
