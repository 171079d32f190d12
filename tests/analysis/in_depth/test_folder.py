import pytest

from resnet_tf.analysis.in_depth.folder import calibration, corrupted, page, paired
from resnet_tf.analysis.page import markdown


@pytest.fixture
def record():
    """Returns the record of a report with two classes."""
    trust = {"ece": 4.06, "bins": []}
    return {
        "command": "python eval.py", "checkpoint": "model_a", "network": "ResNet-8",
        "dataset": "digits", "split": "test", "n": 1000, "error": 2.5,
        "interval": [1.7, 3.7], "loss": 0.1234,
        "classes": [
            {"name": "cat", "n": 1000, "error": 2.5, "interval": [1.7, 3.7]},
            {"name": "dog", "n": 0, "error": None, "interval": None},
        ],
        "confused": [{"true": "cat", "predicted": "dog", "n": 25}],
        "calibration": {
            "temperature": 1.25, "fitted_on": "validation", "n": 5000,
            "before": trust, "after": {"ece": 2.43, "bins": []},
        },
        "mistakes": [{"index": 0}],
        "robustness": [{
            "name": "noise", "measure": "deviation", "strengths": [0.1, 0.5],
            "errors": [5.0, 10.0],
        }],
        "corrupted_error": 7.5,
        "pair": {
            "checkpoint": "model_b", "network": "ResNet-20", "error": 3.5,
            "difference": -1.0, "difference_interval": [-1.9, -0.1],
            "only_a_wrong": 10, "only_b_wrong": 20, "p": 0.0987,
        },
        "versions": {"python": "3.11"}, "commit": "abc",
        "machine": {"cpu": "CPU", "cores": 2},
    }  # fmt: skip


def test_the_page(record):
    lines = markdown(page(record)).splitlines()
    assert lines[0] == "# ResNet-8 on digits"
    assert [line for line in lines if line.startswith("## ")] == [
        "## Error", "## Against another checkpoint", "## Confusion", "## Calibration",
        "## Most confident mistakes", "## Robustness",
    ]  # fmt: skip
    assert "| cat | 1,000 | 2.50 % | 1.70 to 3.70 |" in lines
    assert "| dog | 0 | - | - |" in lines
    assert "| cat | dog | 25 |" in lines
    assert "| noise | 0.1, 0.5 (deviation) | 5.00 % | 10.00 % |" in lines


def test_the_tests_against_another_checkpoint(record):
    assert paired(record) == (
        "model_b (ResNet-20) has an error of 3.50 % on the same 1,000 images: a "
        "difference of -1.00 points, 95 % interval over the images -1.90 to "
        "-0.10, so they differ significantly. Only model_a is wrong on 10, only "
        "model_b on 20: McNemar's exact p is 0.099."
    )
    record["pair"]["difference_interval"] = [-1.9, 0.0]
    assert "so they do not differ significantly." in paired(record)


def test_sentences(record):
    unknown = record["calibration"] | {"temperature": None, "after": None}
    assert calibration({**record, "calibration": unknown}) == (
        "The calibration error is 4.06 points; the 5,000 validation images do not "
        "determine a temperature (e.g. because all of them are classified correctly)."
    )
    none = calibration({**record, "calibration": {**unknown, "n": 0}})
    assert none.endswith("there are no validation images to fit a temperature on.")
    assert calibration(record) == (
        "The calibration error is 4.06 points, and 2.43 with the temperature 1.250, "
        "fitted on 5,000 validation images."
    )
    assert calibration({**record, "split": "validation"}) == (
        "The calibration error is 4.06 points, and 2.43 with the temperature 1.250, "
        "fitted on these images themselves, so the second figure is too good."
    )
    assert corrupted(record) == (
        "The mean error of 2 corruptions is 7.50 %; on the original images the error "
        "is 2.50 %."
    )


def test_a_network_without_a_mistake(record):
    record |= {"mistakes": [], "confused": [], "pair": None}
    text = markdown(page(record))
    assert "None: all images are correct." in text
    assert "mistakes.png" not in text and "Against" not in text
