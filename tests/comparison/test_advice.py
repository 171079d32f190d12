from resnet_tf.comparison.advice import advise


def test_the_cheapest_of_those_that_are_not_told_apart(record):
    assert advise(record) == [
        "On these 1,000 test images large has the lowest error, 5.00 %.",
        "Not told apart from it: small.",
        "Take small for the fewest parameters, the fewest multiply-adds and the "
        "shortest inference of one image.",
        "Take large for the shortest training.",
        "Leave out poor: large is not told apart from it, or better, and costs no "
        "more in any respect.",
    ]


def test_a_network_that_is_better_than_all_others(record):
    for pair in record["pairs"]:
        pair["interval"] = [-3.0, -1.0]
    sentences = advise(record)
    assert sentences[1:3] == [
        "Every other network is told apart from it.",
        "Take large for its error.",
    ]


def test_the_order_of_a_pair_does_not_matter(record):
    expected = advise(record)
    for pair in record["pairs"]:
        low, high = pair["interval"]
        pair["a"], pair["b"] = pair["b"], pair["a"]
        pair["interval"] = [-high, -low]
    assert advise(record) == expected


def test_one_network_alone(record):
    alone = {**record, "networks": record["networks"][:1], "pairs": []}
    assert advise(alone) == [
        "On these 1,000 test images large has the lowest error, 5.00 %."
    ]
