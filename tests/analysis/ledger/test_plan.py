from pathlib import Path

import pytest

from resnet_tf.analysis.ledger.plan import read_plan
from resnet_tf.config.arithmetic import run_macs
from resnet_tf.errors import SettingError
from tests.analysis.ledger.made import PLAN, write_plan

ROOT = Path(__file__).parents[3]
CIFAR = """
seeds = [3]
budget = {{ epochs = 8 }}
base = {{ recipe = "{recipe}", model = "resnet20"{base} }}
variations = {{ {variations} }}
"""


def cifar(folder, variations, recipe="he2015", base=""):
    text = CIFAR.format(recipe=recipe, base=base, variations=variations)
    return read_plan(write_plan(folder, text))


def test_the_base_and_its_variations(tmp_path):
    plan = read_plan(write_plan(tmp_path))
    assert plan.seeds == (0, 1, 2)
    assert list(plan.entries) == ["base", "fast", "deep"]
    assert plan.budget.epochs == 2
    base, fast, deep = (entry.config for entry in plan.entries.values())
    assert base.recipe == "quickstart" and base.optimizer.init_lr == 0.1
    # 2 epochs of 1,257 images in batches of 64
    assert (base.train.train_steps, base.train.train_batch_size) == (39, 64)
    assert fast.optimizer.init_lr == 0.2
    assert fast.train == base.train
    assert deep.model.num_residual_blocks == 2
    assert plan.entries["fast"].changes == {"init_lr": 0.2}
    assert plan.entries["fast"].seeded(2).train.seed == 2


def test_all_runs_have_the_same_arithmetic(tmp_path):
    text = PLAN + "small = { train_batch_size = 8 }\nsame = { mixup = 0.2 }"
    plan = read_plan(write_plan(tmp_path, text))
    for entry in plan.entries.values():
        config = entry.config
        update = run_macs(config) / config.train.train_steps
        assert abs(run_macs(config) - plan.budget.macs) <= update / 2
    small = plan.entries["small"].config.train
    assert small.train_steps == 314
    # As many reports as the base, which has one for every 50 updates.
    assert small.report_freq == round(50 * 314 / 39)
    deep = plan.entries["deep"].config.train
    assert deep.train_steps < plan.base.config.train.train_steps


def test_the_budget_in_multiply_adds(tmp_path):
    plan = read_plan(write_plan(tmp_path))
    text = PLAN.replace("epochs = 2", f"multiply_adds = {plan.budget.macs}")
    assert read_plan(write_plan(tmp_path, text)).budget == plan.budget
    text = PLAN.replace("epochs = 2", "multiply_adds = 1.5e11")
    assert read_plan(write_plan(tmp_path, text)).budget.macs == 150_000_000_000


def test_durations_keep_their_shares(tmp_path):
    variations = (
        'deeper = { model = "resnet110" }, early = { decay_epoch0 = 2 }, '
        "warm = { warmup_epochs = 1, warmup_lr = 0.05 }, "
        "half = { train_batch_size = 64, lr_scaling = 'linear', warmup_epochs = 0.5 }"
    )
    plan = cifar(tmp_path, variations)
    found = {
        name: (
            entry.config.train.train_steps,
            entry.config.optimizer.warmup_steps,
            entry.config.optimizer.decay_step0,
            entry.config.optimizer.decay_step1,
        )
        for name, entry in plan.entries.items()
    }
    assert found == {
        # The recipe drops its rate at 1/2 and 3/4 of the updates.
        "base": (2813, 0, 1407, 2110),
        # It warms up for 400 of 64,000 updates from 110 layers on.
        "deeper": (451, 3, 226, 338),
        "early": (2813, 0, 703, 2110),
        "warm": (2813, 352, 1407, 2110),
        "half": (5625, 352, 2813, 4219),
    }
    assert plan.entries["warm"].config.optimizer.warmup_lr == 0.05
    assert plan.entries["half"].config.optimizer.init_lr == 0.05
    assert {entry.config.train.seed for entry in plan.entries.values()} == {3}


def test_a_recipe_of_a_variation_has_the_images_of_the_base(tmp_path):
    plan = cifar(tmp_path, "other = { recipe = 'akamaster' }", "onecycle")
    data = plan.entries["other"].config.data
    assert (data.dataset, data.validation_size) == ("cifar10", 5_000)
    assert plan.entries["other"].config.train.train_steps == 2813


def test_settings_of_the_machine(tmp_path):
    plan = read_plan(write_plan(tmp_path), {"data_dir": "here"})
    assert {e.config.data.data_dir for e in plan.entries.values()} == {"here"}


def test_the_committed_ledger():
    plan = read_plan(ROOT / "docs/ledger.toml")
    assert plan.seeds == (0, 1, 2)
    assert len(plan.entries) >= 21
    base = plan.base.config
    assert (base.model.title, base.train.train_steps) == ("ResNet-20", 2813)
    assert plan.budget.macs == 8 * 45_000 * 40_551_040
    batch_64 = plan.entries["batch_64"].config
    assert batch_64.train.train_steps == 5625
    assert batch_64.optimizer.init_lr == base.optimizer.init_lr / 2


def variation(text):
    return f"{PLAN}x = {text}"


def changed(old, new):
    assert old in PLAN
    return PLAN.replace(old, new)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "plan.toml, seeds: it must be a list of 1 to 1000 numbers, received none"),
        ("sseds = [0]", "plan.toml: unknown key 'sseds'; did you mean seeds"),
        (changed("[0, 1, 2]", "3"), "seeds: it must be a list of 1 to 1000 numbers, r"),
        (changed("[0, 1, 2]", "[]"), "seeds: it must be a list of 1 to 1000 numbers"),
        (changed("[0, 1, 2]", "[0, 0]"), "seeds: each number must occur once, receive"),
        (changed("[0, 1, 2]", "[-1]"), "seeds: seed must be at least 0, received -1"),
        (changed("[0, 1, 2]", "[true]"), "seeds: seed must be an integer, received Tr"),
        ("seeds = [0]", "plan.toml, budget: it must be a table, is missing"),
        (changed("epochs = 2", ""), "budget: it must have either epochs or multiply_a"),
        (changed("epochs = 2", "epochs = 0"), "budget: epochs must be a number above "),
        (changed("epochs = 2", "epochs = nan"), "epochs must be a number above 0 and"),
        (changed("epochs = 2", "epochs = inf"), "epochs must be a number above 0 and"),
        (changed("epochs = 2", "epochs = '2'"), "epochs must be a number above 0 and"),
        (changed("epochs = 2", "epochs = true"), "epochs must be a number above 0 and"),
        (changed("epochs = 2", "epoch = 2"), "unknown key 'epoch'; did you mean epoch"),
        (changed("epochs = 2", "epochs = 2\nmultiply_adds = 9"), "received epochs and"),
        (changed("epochs = 2", "multiply_adds = 1e30"), "at most 1e+18, received 1e+3"),
        (changed("epochs = 2", "multiply_adds = 9"), "base: budget must be at least o"),
        (changed("[base]", "[base]\nlr = 1"), "base: unknown setting 'lr'"),
        (changed("[base]", "[base]\ninit_lr = 0"), "base: init_lr must be above 0, re"),
        (changed("[base]", "[base]\nseed = 1"), "seed must not be given, seeds lists "),
        (changed("[base]", "[base]\ntrain_steps = 1"), "train_steps must not be given"),
        (changed("[base]", "[base]\ntrain_epochs = 1"), "train_epochs must not be giv"),
        (changed("[base]", "[base]\ndecay_step0 = 1"), "as decay_epoch0, received 1"),
        (changed("[base]", "[base]\ndata_dir = 'x'"), "data_dir must be given on the "),
        (changed("[base]", "[base]\nstrategy = 'one'"), "strategy must not be given, "),
        (changed("[base]", "[base]\nteacher = 'x'"), "teacher must not be given, the"),
        (changed("[base]", "[base]\nvalidation_size = 0"), "base: validation_size mus"),
        (changed("quickstart", "quick"), "base: unknown recipe 'quick'; did you mean"),
        (changed('"quickstart"', "[3]"), "base: unknown recipe [3]"),
        (changed("[base]", "[base]\ndecay_epoch0 = 1"), "decay_step0 needs schedule=s"),
        (variation("3"), "plan.toml, variations.x: it must be a table, received 3"),
        (variation("{ lr = 1 }"), "variations.x: unknown setting 'lr'"),
        (variation("{ momentum = 1 }"), "variations.x: momentum must be at most 0.999"),
        (variation("{ momentum = '1' }"), "x: momentum must be a number, received '1'"),
        (variation("{ momentum = 2020-01-01 }"), "x: momentum must be a number, recei"),
        (variation("{ cutout = 32 }"), "x: cutout must be below image_size=32"),
        (variation("{ dataset = 'cifar10' }"), "dataset must be given in base, it hol"),
        (variation("{ report_freq = 1 }"), "report_freq must be given in base, it hol"),
        (variation("{}"), "x: it must differ from base, the settings are equal"),
        (variation("{ init_lr = 0.1 }"), "x: it must differ from base, the settings a"),
        (variation("{ init_lr = 0.2 }"), "x: it must differ from fast, the settings a"),
        (f"{PLAN}'a/b' = {{ mixup = 1.0 }}", "variations: a name must be 1 to 60 lett"),
        (f"{PLAN}'' = {{ mixup = 1.0 }}", "variations: a name must be 1 to 60 letters"),
        (f"{PLAN}Base = {{ mixup = 1.0 }}", "a name must occur once, in any case, rec"),
        (f"{PLAN}FAST = {{ mixup = 1.0 }}", "a name must occur once, in any case, rec"),
        (f"{PLAN}fast = {{ mixup = 1.0 }}", "plan.toml is not TOML: "),
        ("seeds = [", "plan.toml is not TOML: "),
        ("x = " + "[" * 100_000, "plan.toml is not TOML: "),
        ("x = " + "9" * 5_000, "plan.toml is not TOML: "),
        ("#" * (1 << 20) + "#", "plan.toml must have at most 1048576 bytes"),
    ],
)  # fmt: skip
def test_a_wrong_file(tmp_path, text, message):
    path = write_plan(tmp_path, text)
    with pytest.raises(SettingError) as caught:
        read_plan(path)
    found = str(caught.value)
    assert message in found and found.startswith(str(path)) and "\n" not in found


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"# \xe9")
    for name, message in (
        ("nowhere.toml", "cannot be read: No such file"),
        ("", "cannot be read: Is a directory"),
        ("a\0b", "cannot be read: "),
        ("latin.toml", "is not TOML: "),
    ):
        with pytest.raises(SettingError, match=message):
            read_plan(tmp_path / name)
