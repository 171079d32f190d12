"""Reads the TOML file of a ledger: the base, the seeds, the budget, the variations."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resnet_tf.analysis.ledger.lengths import (
    Budget,
    epoch_macs,
    with_budget,
    with_reports_of,
)
from resnet_tf.config import (
    DEFAULT_RECIPE,
    RECIPES,
    DataConfig,
    ExperimentConfig,
    differences,
    iter_settings,
    unknown,
)
from resnet_tf.config.derived import STEPS_OF
from resnet_tf.data.sources import dataset_info
from resnet_tf.disk import open_regular
from resnet_tf.errors import SettingError

BASE = "base"
# Settings of the machine; the command line has them.
OF_THE_MACHINE = ("data_dir", "cache_dir", "download")
_KEYS = ("seeds", "budget", BASE, "variations")
_MOST_BYTES = 1 << 20
_MOST = 1_000  # seeds or variations
_MOST_MACS = 1e18  # far above any training, and a record holds integers of 64 bits
_LONGEST_EPOCHS = 100_000
# Also part of a file name, so that it must be one on every disk.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,=+-]{0,59}")
# All runs of a ledger are tested on the same images and reported equally often.
_OF_THE_BASE = ("dataset", "validation_size", "folder_split", "report_freq")


@dataclass(frozen=True)
class Entry:
    """The base or a variation.

    Attributes:
        name: Its name; "base" for the base.
        changes: What the file says of it: settings by name, and perhaps `recipe`.
        config: The experiment with the first seed, with the arithmetic of the budget.
    """

    name: str
    changes: Mapping[str, Any]
    config: ExperimentConfig

    def seeded(self, seed: int) -> ExperimentConfig:
        """Returns the experiment with a seed."""
        return replace(self.config, train=replace(self.config.train, seed=seed))


@dataclass(frozen=True)
class Plan:
    """The content of a ledger's file.

    Attributes:
        path: The file.
        seeds: The seeds to train each entry with.
        budget: The arithmetic of each run.
        entries: The base, then the variations, by name.
    """

    path: Path
    seeds: tuple[int, ...]
    budget: Budget
    entries: Mapping[str, Entry]

    @property
    def base(self) -> Entry:
        """The base."""
        return self.entries[BASE]


def read_plan(path: Path, local: Mapping[str, Any] = {}) -> Plan:
    """Returns the plan in a file.

    Args:
        path: The TOML file.
        local: Settings of this machine by name, some of `OF_THE_MACHINE`.

    Raises:
        DataError: If a folder of images cannot be listed.
        SettingError: With the file and the entry, if it cannot be read or breaks a
            rule.
    """
    content = _content(path)
    for key in content:
        if key not in _KEYS:
            raise SettingError(f"{path}: {unknown('key', key, _KEYS)}")
    with _at(path, "seeds"):
        seeds = _seeds(content.get("seeds"))
    with _at(path, BASE):
        base = _settings(_table(content.get(BASE, {})))
        recipe = base.pop("recipe", DEFAULT_RECIPE)
        base |= {**local, "seed": seeds[0]}
        split = base.get("folder_split", DataConfig.folder_split)
        info = dataset_info(base.get("dataset"), base.get("data_dir"), split)
        epoch = epoch_macs(base, recipe, info)
    with _at(path, "budget"):
        budget = _budget(_table(content.get("budget")), epoch)
    with _at(path, BASE):
        config = with_budget(base, recipe, info, budget)
        if not config.data.validation_size:
            raise SettingError("validation_size must be above 0, received 0")
    # A recipe of a variation does not change the images.
    shared = {
        name: getattr(config.data, name) for name in ("dataset", "validation_size")
    }
    entries = {BASE: Entry(BASE, content.get(BASE, {}), config)}
    with _at(path, "variations"):
        variations = _table(content.get("variations", {}))
        _check_names(variations)
    for name, changes in variations.items():
        with _at(path, f"variations.{name}"):
            given = _settings(_table(changes), _OF_THE_BASE)
            own = given.pop("recipe", recipe)
            found = with_budget({**shared, **base, **given}, own, info, budget)
            entry = Entry(name, changes, with_reports_of(config, found))
            _require_new(entry, entries.values())
            entries[name] = entry
    return Plan(path, seeds, budget, entries)


@contextmanager
def _at(path: Path, entry: str) -> Iterator[None]:
    """Adds the file and the entry to an error."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"{path}, {entry}: {error}") from error


def _content(path: Path) -> dict[str, Any]:
    try:
        with open_regular(path) as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name with a NUL
        raise SettingError(f"{path} cannot be read: {error}") from error
    if len(content) > _MOST_BYTES:
        raise SettingError(f"{path} must have at most {_MOST_BYTES} bytes")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except RecursionError:
        raise SettingError(f"{path} is not TOML: it is nested too deep") from None
    except ValueError as error:
        raise SettingError(f"{path} is not TOML: {error}") from error


def _table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        what = "is missing" if value is None else f"received {value!r:.80}"
        raise SettingError(f"it must be a table, {what}")
    return value


def _seeds(value: Any) -> tuple[int, ...]:
    specs = {spec.name: spec for spec in iter_settings()}
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST:
        what = "none" if value is None else f"{value!r:.80}"
        raise SettingError(
            f"it must be a list of 1 to {_MOST} numbers, received {what}"
        )
    seeds = tuple(specs["seed"].check(seed) for seed in value)
    if len(set(seeds)) < len(seeds):
        raise SettingError(f"each number must occur once, received {value!r:.80}")
    return seeds


def _budget(table: Mapping[str, Any], epoch: float) -> Budget:
    """Returns the budget.

    Args:
        table: The table of the file.
        epoch: Multiply-adds of an epoch of the base.
    """
    limits = {"epochs": _LONGEST_EPOCHS, "multiply_adds": _MOST_MACS}
    for key in table:
        if key not in limits:
            raise SettingError(unknown("key", key, limits))
    if len(table) != 1:
        raise SettingError(
            "it must have either epochs or multiply_adds, received "
            f"{' and '.join(table) or 'none'}"
        )
    ((key, value),) = table.items()
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= limits[key]:
        raise SettingError(
            f"{key} must be a number above 0 and at most {limits[key]:g}, received "
            f"{value!r:.80}"
        )
    macs = value * epoch if key == "epochs" else value
    if macs > _MOST_MACS:
        raise SettingError(
            f"{key} must be at most {_MOST_MACS:g} multiply-adds, received {macs:g}"
        )
    return Budget(round(macs), macs / epoch)


def _settings(
    table: Mapping[str, Any], of_the_base: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns the checked settings of an entry, and `recipe` if it is given.

    Args:
        table: The table of the file.
        of_the_base: Settings that only the base can have.
    """
    specs = {spec.name: spec for spec in iter_settings()}
    for name in table:
        if name != "recipe" and name not in specs:
            raise SettingError(unknown("setting", name, ["recipe", *specs]))
        if why := _misplaced(name, of_the_base):
            raise SettingError(f"{name} {why}, received {table[name]!r:.80}")
    recipe = {name: table[name] for name in ("recipe",) if name in table}
    if recipe and recipe["recipe"] not in tuple(RECIPES):
        raise SettingError(unknown("recipe", recipe["recipe"], RECIPES))
    checked = {name: specs[name].check(table[name]) for name in table if name in specs}
    return recipe | checked


def _misplaced(name: str, of_the_base: Sequence[str]) -> str:
    """Returns why a ledger does not take a setting, or ""."""
    local = {spec.name for spec in iter_settings() if spec.local or spec.place}
    epochs = {steps: epochs for epochs, steps in STEPS_OF.items()}
    if name in ("train_steps", "train_epochs"):
        return "must not be given, the budget sets the length"
    if name == "seed":
        return "must not be given, seeds lists them"
    if name in epochs:
        return f"must be given in epochs of the base, as {epochs[name]}"
    if name == "teacher":
        return (
            "must not be given, the budget does not count the arithmetic of a teacher"
        )
    if name in OF_THE_MACHINE:
        return f"must be given on the command line, as --{name}"
    if name in local:
        return "must not be given, it does not change the weights"
    if name in of_the_base:
        return f"must be given in {BASE}, it holds for all runs"
    return ""


def _check_names(variations: Mapping[str, Any]) -> None:
    if len(variations) > _MOST:
        raise SettingError(
            f"there must be at most {_MOST} variations, received {len(variations)}"
        )
    seen = {BASE}
    for name in variations:
        if not _NAME.fullmatch(name):
            raise SettingError(
                "a name must be 1 to 60 letters, digits and _.,=+- that start with a "
                f"letter or digit, received {name!r:.80}"
            )
        # Some disks do not tell apart names that differ only in case.
        if name.casefold() in seen:
            raise SettingError(f"a name must occur once, in any case, received {name}")
        seen.add(name.casefold())


def _require_new(entry: Entry, others: Iterable[Entry]) -> None:
    """Raises if an entry is the same experiment as an earlier one."""
    for other in others:
        if not differences(other.config, entry.config).keys() - {"recipe"}:
            raise SettingError(
                f"it must differ from {other.name}, the settings are equal"
            )
