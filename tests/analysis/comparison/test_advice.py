from resnet_tf.analysis.comparison.advice import advise


def test_takes_the_cheapest_of_the_best_networks(record):
    assert advise(record) == [
        "On these 1,000 test images large has the lowest error, 5.00 %.",
        "Not significantly different: small.",
        "Take small for the fewest parameters, the fewest multiply-adds and the "
        "shortest inference of one image.",
        "Take large for the shortest training.",
        "Leave out poor: large is better than it or not significantly different, and "
        "costs no more in any respect.",
    ]


def test_a_network_that_is_better_than_all_others(record):
    for pair in record["pairs"]:
        pair["interval"] = [-3.0, -1.0]
    sentences = advise(record)
    assert sentences[1:3] == [
        "Every other network differs significantly from it.",
        "Take large for its error.",
    ]


def test_the_order_of_a_pair_does_not_matter(record):
    expected = advise(record)
    for pair in record["pairs"]:
        low, high = pair["interval"]
        pair["a"], pair["b"] = pair["b"], pair["a"]
        pair["interval"] = [-high, -low]
    assert advise(record) == expected


def test_networks_with_the_same_better_network_share_a_sentence(record):
    twin = {**record["networks"][2], "label": "worst"}
    record["networks"].append(twin)
    pairs = [p for p in record["pairs"] if p["b"] == "poor"]
    record["pairs"] += [{**p, "b": "worst"} for p in pairs]
    assert advise(record)[-1] == (
        "Leave out poor and worst: large is better than them or not significantly "
        "different, and costs no more in any respect."
    )


def left_out(record):
    return [line.split(":")[0] for line in advise(record) if "Leave out" in line]


def test_a_slightly_shorter_time_does_not_count(record):
    """Two networks of the same size: their training times differ by chance."""
    large, small = record["networks"] = record["networks"][:2]
    record["pairs"] = record["pairs"][:1]
    small |= {name: large[name] for name in ("parameters", "macs", "latency")}
    small["seconds"] = 0.96 * large["seconds"]
    assert advise(record)[2:] == [
        "Take large for the fewest parameters, the fewest multiply-adds and the "
        "shortest inference of one image.",
        "Take small for the shortest training.",
    ]
    small["seconds"] = 0.94 * large["seconds"]
    assert left_out(record) == ["Leave out large"]
    assert "Take large" not in " ".join(advise(record))


def test_a_network_that_is_taken_is_not_left_out(record):
    """`poor` is cheaper than `small` and differs significantly from `large` only."""
    _, small, poor = record["networks"]
    poor |= {"parameters": 80_000, "macs": 8_000_000, "seconds": 20.0}
    poor["latency"] = small["latency"]
    record["pairs"][2]["interval"] = [-5.5, 0.5]
    assert left_out(record) == []
    assert "Take small for the fewest parameters" in " ".join(advise(record))


def test_networks_with_one_seed_are_named(record):
    for one in record["networks"][:2]:
        one["seeds"] = [0]
    assert advise(record)[-1] == (
        "large and small ran with one seed: the intervals do not cover the choice of "
        "the seed."
    )


def test_one_network_alone(record):
    alone = {**record, "networks": record["networks"][:1], "pairs": []}
    assert advise(alone) == [
        "On these 1,000 test images large has the lowest error, 5.00 %."
    ]


def test_seeds_that_end_far_apart(record):
    record["networks"][2]["errors"] = [7.0, 12.0]
    assert "points apart" not in " ".join(advise(record))
    record["networks"][2]["errors"] = [7.0, 12.5]
    assert advise(record)[-1] == (
        "The seeds of poor end 5.5 points apart: their mean says little about it."
    )


def test_a_network_whose_seeds_end_far_apart_is_not_taken(record):
    record["networks"][1]["errors"] = [2.0, 9.0]
    assert advise(record)[1:3] == [
        "Not significantly different: small.",
        "Take large for its error.",
    ]
