"""Generated settings and JSON give a result or a one-line error, nothing else."""

import json

import hypothesis
import pytest
from hypothesis import strategies as st

from resnet_tf.checkpoints.files import read_config, read_metrics
from resnet_tf.config import (
    RECIPES,
    ExperimentConfig,
    differences,
    iter_fields,
    parse_object,
)
from resnet_tf.errors import CheckpointError, ResnetTfError, SettingError

# The examples are always the same; there is no deadline, for busy machines.
hypothesis.settings.register_profile(
    "ours", derandomize=True, database=None, deadline=None, max_examples=150
)
hypothesis.settings.load_profile("ours")
given = hypothesis.given


@pytest.fixture(autouse=True)
def seeded():
    """Replaces the shared fixture; these tests do not use Keras."""


SMALL = st.integers(-(2**63) + 1, 2**63 - 1)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LEAVES = st.none() | st.booleans() | SMALL | FINITE | TEXT
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=5)
# Values near the bounds of settings, and values that only Python has.
VALUES = JSON | st.sampled_from([0, 1, -1, 2, 10**8, 10**30, 1e-320, 1e308, "", "relu"])
ODD = VALUES | st.sampled_from([float("nan"), float("inf"), 10**400, b"x", object])
NAMES = [spec.name for spec in iter_fields()]
CONFIGS = [ExperimentConfig.from_flat({}, name).to_dict() for name in RECIPES]


def one_line(error: Exception) -> bool:
    return "\n" not in str(error) and 0 < len(str(error)) < 1000


@given(OBJECTS)
def test_json_round_trip(value):
    content = json.dumps(value, ensure_ascii=False).encode()
    assert parse_object(content) == value
    assert parse_object(json.dumps(value).encode()) == value


@given(
    st.binary(max_size=60) | TEXT.map(str.encode) | OBJECTS.map(repr).map(str.encode)
)
def test_any_bytes_are_parsed_or_refused(content):
    try:
        assert isinstance(parse_object(content), dict)
    except ValueError as error:
        assert one_line(error)


@given(OBJECTS, st.data())
def test_damaged_json(value, data):
    content = bytearray(json.dumps(value).encode())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
        st.integers(0, 255)
    )
    try:
        assert isinstance(parse_object(bytes(content)), dict)
    except ValueError as error:
        assert one_line(error)


@given(JSON)
def test_random_json_is_not_a_config(value):
    with pytest.raises(SettingError) as caught:
        ExperimentConfig.from_dict(value)
    assert one_line(caught.value)


@given(st.sampled_from(CONFIGS), st.data())
def test_a_config_with_other_values(config, data):
    """The config is refused, or keeps the given values unchanged."""
    changed = json.loads(json.dumps(config))
    for _ in range(data.draw(st.integers(1, 3))):
        section = data.draw(st.sampled_from([key for key in config if key != "recipe"]))
        name = data.draw(st.sampled_from([*config[section], "unknown"]))
        changed[section][name] = data.draw(VALUES)
    try:
        found = ExperimentConfig.from_dict(changed)
    except SettingError as error:
        assert one_line(error)
    else:
        again = json.loads(json.dumps(found.to_dict()))
        assert differences(found, ExperimentConfig.from_dict(again)) == {}
        assert again == changed


@given(
    st.dictionaries(st.sampled_from(NAMES) | TEXT, ODD, max_size=4),
    st.sampled_from(sorted(RECIPES)) | TEXT,
)
def test_any_settings(values, recipe):
    try:
        ExperimentConfig.from_flat(values, recipe)
    except SettingError as error:
        assert one_line(error)


KEYS = ("step", "n_test", "parameters", "test_error", "validation_interval",
        "weights_sha256", "config_sha256", "calibration")  # fmt: skip


@given(values=st.dictionaries(st.sampled_from(KEYS) | TEXT, JSON, max_size=4))
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_any_metrics(tmp_path, values):
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(values))
    try:
        assert read_metrics(path) == values
    except CheckpointError as error:
        assert one_line(error) and str(path) in str(error)


@given(content=st.binary(max_size=100))
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_a_random_file_is_not_a_config(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ResnetTfError) as caught:
        read_config(path)
    assert one_line(caught.value) and str(path) in str(caught.value)
