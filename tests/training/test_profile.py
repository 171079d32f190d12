import pytest

from resnet_tf.errors import SettingError
from resnet_tf.training.profile import StepProfile


def test_calls_end_at_the_borders_of_the_profile(tmp_path):
    profile = StepProfile((3, 5), tmp_path)
    assert [profile.next_border(step, 9) for step in (0, 3, 4, 5)] == [3, 5, 5, 9]
    assert profile.next_border(0, 2) == 2
    assert StepProfile(None, tmp_path).next_border(0, 9) == 9


def test_the_profiler_runs_between_its_steps(tmp_path, monkeypatch):
    calls = []
    home = "tensorflow.profiler.experimental"
    monkeypatch.setattr(f"{home}.start", lambda folder: calls.append(folder))
    monkeypatch.setattr(f"{home}.stop", lambda: calls.append("stop"))
    with StepProfile((1, 3), tmp_path) as profile:
        for step in range(5):
            profile.at(step)
            calls.append(step)
    assert calls == [0, str(tmp_path), 1, 2, "stop", 3, 4]
    # A run that ends within the steps stops the profiler; a run can also begin there.
    calls.clear()
    with StepProfile((1, 3), tmp_path) as profile:
        profile.at(2)
    assert calls == [str(tmp_path), "stop"]


@pytest.mark.parametrize("steps", [(1.5, 2), (2, 2), (3, 1), (0, 5), (1,), (1, 2, 3)])
def test_profile_steps_must_lie_in_the_run(tiny, steps):
    with pytest.raises(SettingError, match="profile_steps must be two whole numbers "):
        tiny(profile_steps=steps)


def test_the_profile_is_not_part_of_the_experiment(tiny):
    assert tiny(profile_steps=(1, 2)).to_dict() == tiny().to_dict()
