from markup import network, paragraph, points, span, spread, table

from resnet_tf.config import ModelConfig, named_network


def test_a_table():
    lines = "| a | b |\n|---|---|\n| 1 | x\\|y |"
    assert table(["a", "b"], [["1", "x|y"]]) == lines
    assert table(["a", "b"], []) == "Not measured."


def test_a_residual_network_names_its_shortcut():
    assert network(ModelConfig(num_residual_blocks=3)) == "ResNet-20 (A-pool)"
    assert network(named_network("resnet20")) == "ResNet-20 (A-append)"
    assert network(named_network("densenet40_k12")) == "DenseNet-40 (k = 12)"


def test_numbers_with_their_range():
    assert span(1.314, 1, 1.4) == "1.31 (1.00 to 1.40)"
    assert spread([3, 1, 2.5], " %") == "2.50 % (1.00 to 3.00)"


def test_lines_are_short():
    text = paragraph("word " * 30, "last")
    assert max(map(len, text.splitlines())) <= 88
    assert points(["one", "word " * 30]).splitlines()[2].startswith("  word")
