import pytest

from resnet_tf.analysis.audit.facts import facts
from resnet_tf.config import NETWORKS, ExperimentConfig, ModelConfig, named_network
from resnet_tf.config.arithmetic import image_macs, run_macs
from resnet_tf.models import build_model


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_costs_what_the_audit_counts(name):
    """The published counts are audited in tests/models/test_networks.py."""
    row = NETWORKS[name]
    assert image_macs(named_network(name), row.side) == row.published.macs


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(num_residual_blocks=1, shortcut="B", order="post", num_classes=7),
        ModelConfig(num_residual_blocks=1, bottleneck=True, shortcut="B"),
        ModelConfig(model="densenet", depth=10, growth_rate=4, bottleneck=True,
                    compression=0.5, num_classes=20),
        ModelConfig(model="uva_preact", num_classes=3),
        ModelConfig(num_residual_blocks=1, stem="whitened"),
    ],
    ids=lambda config: config.title,
)  # fmt: skip
def test_a_larger_image_of_a_network_of_any_shape(config):
    model = build_model(config, input_shape=(48, 48, 3))
    assert image_macs(config, 48) == facts(model).macs


def test_a_run_costs_the_arithmetic_of_all_its_images():
    config = ExperimentConfig.from_flat(
        {"model": "resnet20", "train_steps": 3, "train_batch_size": 50}, "onecycle"
    )
    assert run_macs(config) == 3 * 50 * 40_551_040
