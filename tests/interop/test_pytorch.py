"""The networks in PyTorch, if installed, equal the networks computed by hand."""

import numpy as np
import pytest

from resnet_tf.interop.import_weights import _difference
from resnet_tf.interop.recognise import recognise
from resnet_tf.models import build_model

pytest.importorskip("torch")
NETWORKS = """akamaster chenyaofo10 uva_googlenet uva_resnet uva_preact uva_densenet
gpleiss_bc bearpaw_bc bearpaw_plain andreasveit_plain""".split()


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_logits(name, made, write_torch, tmp_path):
    network = made(name)
    found = recognise(write_torch(tmp_path / "weights.pt", network.data()))
    largest = np.abs(network.logits).max()
    logits = found.pytorch(network.images)
    np.testing.assert_allclose(logits, network.logits, atol=1e-4 * largest)
    model = build_model(found.config.model)
    found.assign(model)
    assert 0 < _difference(model, found) < 1e-3 * largest
