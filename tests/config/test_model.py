import pytest

from resnet_tf.config import ModelConfig, named_network


@pytest.mark.parametrize(
    ("config", "title"),
    [
        (ModelConfig(num_residual_blocks=18), "ResNet-110"),
        (named_network("preact164"), "ResNet-164"),
        (named_network("densenet40_k12"), "DenseNet-40 (k = 12)"),
        (named_network("densenet_bc100_k12"), "DenseNet-BC-100 (k = 12)"),
        (ModelConfig(model="densenet", compression=0.5), "DenseNet-C-40 (k = 12)"),
        (named_network("uva_googlenet"), "uva_googlenet"),
    ],
)
def test_the_title_of_a_network(config, title):
    assert config.title == title
