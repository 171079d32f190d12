"""Convolutions as the field writes them, and how their kernels start."""

import keras

INITIALIZERS = {
    # He et al. 2015 ("Delving Deep into Rectifiers", section 2.2), backward form.
    "he_fan_out": ("fan_out", "untruncated_normal", 2.0),
    # Glorot and Bengio 2010; what TF1's `get_variable` used by default.
    "glorot_uniform": ("fan_avg", "uniform", 1.0),
}


def convolution_initializer(name: str) -> keras.initializers.Initializer:
    """Returns a new initialiser, so that no two convolutions start alike.

    Raises:
        ValueError: If `name` is not in `INITIALIZERS`.
    """
    if name not in INITIALIZERS:
        known = ", ".join(INITIALIZERS)
        raise ValueError(
            f"kernel_initializer must be one of {known}, received {name!r}"
        )
    mode, distribution, scale = INITIALIZERS[name]
    return keras.initializers.VarianceScaling(scale, mode, distribution)


def conv(
    filters: int,
    kernel_size: int,
    *,
    strides: int = 1,
    kernel_initializer: str = "he_fan_out",
    **kwargs,
) -> keras.layers.Conv2D:
    """Returns a convolution without bias and with 'same' padding."""
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        use_bias=False,
        kernel_initializer=convolution_initializer(kernel_initializer),
        **kwargs,
    )
