import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness.plans import PLANS, plan

ROOT = Path(__file__).parents[2]
RESNET20, RESNET56 = 40_551_040, 125_485_696  # multiply-adds, as in docs/audit.json


def growth(*arguments):
    command = [sys.executable, "benchmarks/growth.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("name", PLANS)
def test_plans_have_the_same_cost_and_result(name, tmp_path):
    experiments = plan(PLANS[name], 6, {"seed": 3}, tmp_path)
    deep, updates = experiments[-1][0].model, 6 * 45_000 // 128
    assert (deep.num_residual_blocks, experiments[-1][2]) == (9, RESNET56)
    total = sum(config.train.train_steps * macs for config, _, macs in experiments)
    assert total == pytest.approx(updates * RESNET56, rel=1e-3)
    before = [None] + [str(folder) for _, folder, _ in experiments[:-1]]
    for (config, _, _), folder in zip(experiments, before, strict=True):
        assert config.train.init_from == folder and config.train.seed == 3
        assert config.train.grow is (folder is not None)


def test_plans_share_their_first_stages(tmp_path):
    first = {
        plan(PLANS[name], 6, {}, tmp_path)[0][1:]
        for name in ("grown", "grown_high_rate", "grown_low_rate")
    }
    assert first == {(tmp_path / "3x9.28@0.2", RESNET20)}


@pytest.mark.slow
def test_the_record_of_the_trainings(tmp_path):
    target = tmp_path / "record" / "growth.json"
    quick = ["--dataset=digits", "--epochs=0.2", "--plans=grown"]
    arguments = [*quick, f"--run_dir={tmp_path / 'runs'}", f"--json_output={target}"]
    answer = growth(*arguments)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("validation error") == 2
    record = json.loads(target.read_text())
    assert [
        (leg["network"], leg["init_lr"], leg["multiply_adds"] / leg["updates"])
        for leg in record["plans"]["grown"]
    ] == [("ResNet-20", 0.2, 128 * RESNET20), ("ResNet-56", 0.1, 128 * RESNET56)]
    assert record["plans"]["grown"][1]["n_validation"] == 180


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plans=scratch,shallow"], "plans must be of scratch, grown, "),
        (["now"], "no argument is expected, received 'now'"),
    ],
)
def test_wrong_arguments(arguments, message):
    answer = growth(*arguments)
    assert answer.returncode == 2
    assert message in answer.stderr
