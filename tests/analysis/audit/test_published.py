import pytest

from resnet_tf.analysis.audit.published import PUBLISHED, published, rounds_to
from resnet_tf.errors import SettingError

# Rounded multiply-adds from an independent derivation.
MACS = {
    "resnet20": "40.55M",
    "resnet32": "68.86M",
    "resnet44": "97.17M",
    "resnet56": "125.49M",
    "resnet110": "252.89M",
    "resnet1202": "2829.24M",
    "preact164": "244.50M",
    "preact1001": "1487.85M",
    "densenet40_k12": "264.8M",
    "densenet40_k12_stem24": "282.9M",
    "densenet100_k12": "1770M",
    "densenet100_k24": "6889M",
    "densenet_bc100_k12": "287.9M",
    "densenet_bc250_k24": "5419M",
    "densenet_bc190_k40": "9302M",
    "resnet18_cifar": "555.4M",
    "resnet34_cifar": "1159.4M",
    "densenet121_cifar": "888.35M",
}


@pytest.mark.parametrize("name", MACS)
def test_macs(name):
    assert rounds_to(PUBLISHED[name].macs, MACS[name])


@pytest.mark.parametrize("n", [3, 5, 7, 9, 18, 200])
def test_the_closed_form_of_the_residual_networks(n):
    reference = PUBLISHED[f"resnet{6 * n + 2}"]
    assert reference.parameters == 97_216 * n - 21_926
    # A block costs the same in each stage: half the map size, twice the width.
    assert reference.macs == 1024 * (27 * 16 + 6 * n * 2304 - 2 * 1152) + 640


def test_parameter_counts_are_unique():
    counts = [reference.parameters for reference in PUBLISHED.values()]
    assert len(set(counts)) == len(counts)


@pytest.mark.parametrize(
    ("count", "figure", "rounds"),
    [
        (269_722, "0.27M", True),
        (274_999, "0.27M", True),
        (275_000, "0.27M", False),
        (264_999, "0.27M", False),
        (1_727_962, "1.7M", True),
        (10_327_706, "10.2M", False),
        (10_175_920, "10.2M", True),
        (260_650, "260,650", True),
        (260_651, "260,650", False),
        (6_979_642, "7.0M", True),
        (6_940_000, "7.0M", False),
    ],
)
def test_rounding(count, figure, rounds):
    assert rounds_to(count, figure) is rounds


def test_an_unknown_name_lists_similar_names():
    with pytest.raises(SettingError, match="unknown network 'resnet21'.*resnet20"):
        published("resnet21")
