import pytest
from evaluation import made, read


def test_the_parts_are_the_sections_of_the_report():
    record = read()
    parts = {name: make() for name, make in made(record).items()}
    assert parts["command"] == f"```\n{record['command']}\n```"
    assert f"error of {record['error']:.2f} % on {record['n']:,} test" in parts["error"]
    assert parts["error"].count("\n| ") == 1 + len(record["class_names"])
    difference = f"{record['pair']['difference']:+.2f} points"
    assert difference in " ".join(parts["against"].split())
    most = record["confused"][0]
    row = f"| {most['true']} | {most['predicted']} | {most['n']} |"
    assert parts["confused"].splitlines()[2] == row
    before = record["calibration"]["before"]["ece"]
    assert f"calibration error is {before:.2f} points" in parts["calibration"]
    assert parts["robustness"].count("\n| ") == 1 + len(record["robustness"])
    assert f"commit {record['commit']}" in " ".join(parts["origin"].split())


def test_the_report_needs_another_checkpoint():
    with pytest.raises(KeyError, match="Against another checkpoint"):
        made({**read(), "pair": None})
