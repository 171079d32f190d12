import functools
import json
from dataclasses import replace

import keras
import pytest

from resnet_tf import ModelConfig, build_resnet
from resnet_tf.analysis.audit import audit_file, audit_network, rows
from resnet_tf.analysis.audit.facts import facts
from resnet_tf.analysis.audit.published import PUBLISHED
from resnet_tf.analysis.audit.rows import compare
from resnet_tf.errors import CheckpointError, SettingError
from tests.analysis.audit.user_networks import user_resnet


@pytest.fixture(scope="module")
def resnet20():
    """Returns the facts of ResNet-20."""
    return facts(build_resnet(ModelConfig(num_residual_blocks=3, order="post")))


@pytest.fixture(scope="module", autouse=True)
def references():
    """Builds and counts each reference of `audit_file` once; adds a small "resnet8"."""

    def find(name):
        return published("resnet20" if name == "resnet8" else name)

    @functools.cache
    def build(name, **values):
        if name == "resnet8":
            return build_resnet(ModelConfig(num_residual_blocks=1, order="post"))
        return build_model(name, **values)

    published, build_model = rows.published, rows.build_model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "published", find)
        patch.setattr(rows, "build_model", build)
        patch.setattr(rows, "facts", functools.cache(facts))
        yield


@pytest.fixture
def file_reason(tmp_path):
    """Returns a function that saves a model and returns the reason in its row."""

    def reason(model, against):
        path = tmp_path / "own.keras"
        model.save(path)
        row = audit_file(path, against)
        assert (row.name, row.against) == (str(path), against)
        assert row.verdict == ("differs" if row.reason else "agrees")
        return row.reason

    return reason


def test_rows_are_json_values():
    found = [audit_network(name) for name in ("resnet20", "uva_preact")]
    assert [row.name for row in found] == ["resnet20", "uva_preact"]
    read = json.loads(json.dumps(found[0].to_dict()))
    assert read == {
        "name": "resnet20",
        "against": "resnet20",
        "verdict": "agrees",
        "reason": "",
        "facts": {
            "parameters": 269_722,
            "conv": 267_696,
            "batch_norm": 1_376,
            "dense": 650,
            "other": 0,
            "buffers": 1_376,
            "macs": 40_551_040,
            "receptive_field": 81,
            "depth": 20,
            "input_size": [32, 32],
        },
        "reference": {
            "parameters": 269_722,
            "macs": 40_551_040,
            "figure": "0.27M",
            "source": "He et al. 2015, arXiv:1512.03385, table 6",
            "figure_classes": 10,
            "note": PUBLISHED["resnet20"].note,
        },
    }


def test_an_unknown_name_is_refused_before_anything_is_built(monkeypatch):
    monkeypatch.setattr("resnet_tf.analysis.audit.rows.build_model", pytest.fail)
    with pytest.raises(SettingError, match="unknown network 'resnet21'"):
        audit_network("resnet21")


def test_another_count_differs(resnet20):
    row = compare("resnet20", resnet20, replace(PUBLISHED["resnet20"], parameters=7))
    assert row.verdict == "differs"
    assert row.reason == "+269,715 parameters: 269,722 instead of 7"


def test_a_count_that_does_not_round_to_the_figure_differs(resnet20):
    row = compare("resnet20", resnet20, replace(PUBLISHED["resnet20"], figure="0.28M"))
    assert row.reason == "269,722 does not round to the published 0.28M"


def test_a_figure_for_other_classes_is_compared_for_these_classes(resnet20):
    hundred = replace(PUBLISHED["resnet20"], figure="275,572", figure_classes=100)
    assert compare("resnet20", resnet20, hundred).verdict == "agrees"
    thousand = replace(hundred, figure_classes=1000)
    assert "334,072 does not round" in compare("resnet20", resnet20, thousand).reason


def test_other_macs_differ(resnet20):
    row = compare("resnet20", resnet20, replace(PUBLISHED["resnet20"], macs=1))
    assert row.reason == "40,551,040 MACs instead of 1"


def test_without_a_figure_the_integers_are_compared(resnet20):
    row = compare("resnet20", resnet20, replace(PUBLISHED["resnet20"], figure=""))
    assert row.verdict == "agrees"


@pytest.mark.parametrize("shortcut", ["pool", "slice"])
def test_a_users_own_resnet20_agrees(shortcut, file_reason):
    assert file_reason(user_resnet(shortcut=shortcut), "resnet20") == ""


def test_a_users_own_resnet20_for_another_number_of_classes(tmp_path):
    user_resnet(num_classes=100).save(tmp_path / "own.keras")
    row = audit_file(tmp_path / "own.keras", "resnet20")
    assert row.verdict == "agrees"
    assert row.facts.parameters == row.reference.parameters == 275_572
    assert row.reference.figure == ""


def test_an_open_size_is_taken_from_the_reference(file_reason):
    assert file_reason(user_resnet(1, side=None), "resnet8") == ""


def test_projections(file_reason):
    assert file_reason(user_resnet(1, shortcut="projection"), "resnet8") == (
        "+2,752 = projections at two transitions (1x1 kernels 16->32 and 32->64: "
        "2,560, their batch norms: 192)"
    )


def test_biases_of_convolutions(file_reason):
    model = user_resnet(1, use_bias=True)
    assert file_reason(model, "resnet8") == "+240 = biases of seven convolutions"


def test_the_keras_example_of_273066_parameters(file_reason):
    model = user_resnet(use_bias=True, shortcut="projection", projection_bn=False)
    assert facts(model).parameters == 273_066
    assert file_reason(model, "resnet20") == (
        "+2,656 = projections at two transitions (1x1 kernels 16->32 and 32->64: "
        "2,560, their biases: 96); +688 = biases of 19 convolutions"
    )


def test_a_missing_batch_norm(file_reason):
    model = user_resnet(1, missing_bn=2)
    assert file_reason(model, "resnet8") == "-64 = one batch norm missing (32 channels)"


def test_a_normalization_of_whole_maps_is_not_batch_norm(file_reason):
    images = keras.Input((32, 32, 3))
    x = keras.layers.LayerNormalization(axis=[1, 2, 3])(images)
    x = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x))
    reason = file_reason(keras.Model(images, x), "resnet20")
    assert "; +6,144 = one more other layer (6,144 numbers)" in reason


def test_another_depth_for_another_number_of_classes(file_reason):
    # 464,154 for 10 classes, and 65 for each of the 90 other classes.
    model = user_resnet(5, num_classes=100)
    reason = "+194,432 = another depth: resnet32 has 470,004"
    assert file_reason(model, "resnet20") == reason


def test_the_same_weights_with_the_strides_elsewhere(file_reason):
    # Two first convolutions run on maps four times as large; one convolution each of
    # stages 2 and 3 sees half as far.
    macs = 12_239_488 + 3 * (256 * 9 * 16 * 32 + 64 * 9 * 32 * 64)
    field = 25 - 2 - 4
    assert file_reason(user_resnet(1, late_strides=True), "resnet8") == (
        f"the same weights, but receptive field {field} instead of 25, MACs {macs:,} "
        "instead of 12,239,488"
    )


def test_a_model_that_is_not_a_classifier_is_refused(tmp_path):
    x = keras.Input((32, 32, 3))
    keras.Model(x, keras.layers.Conv2D(2, 3)(x)).save(tmp_path / "own.keras")
    with pytest.raises(CheckpointError, match=r"must end in one output of shape \(N"):
        audit_file(tmp_path / "own.keras", "resnet20")


def test_an_unsupported_operation_is_refused(tmp_path):
    x = keras.Input((32, 32, 3))
    y = keras.layers.UpSampling2D()(x)
    y = keras.layers.Dense(10)(keras.layers.GlobalMaxPooling2D()(y))
    keras.Model(x, y).save(tmp_path / "own.keras")
    with pytest.raises(CheckpointError, match="own.keras: the network must be made of"):
        audit_file(tmp_path / "own.keras", "resnet20")


def test_a_lambda_is_refused(tmp_path):
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Lambda(lambda x: x)])
    model.save(tmp_path / "own.keras")
    with pytest.raises(CheckpointError, match="must not hold Lambda layers"):
        audit_file(tmp_path / "own.keras", "resnet20")


def test_an_unknown_reference_is_refused_before_the_file_is_read(tmp_path):
    with pytest.raises(SettingError, match="unknown network 'resnet21'"):
        audit_file(tmp_path / "missing.keras", "resnet21")
