"""The fixture that all tests of the native kernels share."""

import pytest

from resnet_tf import native
from resnet_tf.native import library


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request):
    """Sets each instruction set of this CPU in turn."""
    best = native.instructions()
    if not library.use_instructions(request.param):
        pytest.skip(f"this CPU has no {request.param}")
    yield request.param
    library.use_instructions(best)
