"""The tables of docs/commands, from the commands themselves."""

import argparse
import functools
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

from markup import table

from resnet_tf import errors
from resnet_tf.cli.command import STOPPED, USAGE
from resnet_tf.cli.main import COMMANDS, name_of
from resnet_tf.cli.settings import shown_default
from resnet_tf.config import DEFAULT_RECIPE, RECIPES, FieldSpec, iter_settings

# The commands that are scripts of a clone as well.
_SCRIPTS = ("train", "eval")
_MODULES = {name_of(module): module for module in COMMANDS}
NAMES = (*_SCRIPTS, *(name for name in _MODULES if name not in _SCRIPTS))
_SETTINGS = {spec.name: spec for spec in iter_settings()}
# An entry of a docstring's "Raises".
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n     .*)*)", re.MULTILINE)
_SECTIONS = {
    "model": "The network",
    "data": "The images",
    "optimizer": "The optimizer",
    "train": "The training",
    "durations": "Durations in epochs",
    "rate": "The rate of another batch",
}


def pages() -> dict[str, Callable[[], dict[str, Callable[[], str]]]]:
    """Returns the function that makes the parts of a page, by the path of the page."""
    made = {
        f"docs/commands/{name}.md": functools.partial(_parts, name) for name in NAMES
    }
    return {**made, "docs/commands/settings.md": lambda: {"settings": settings}}


def index() -> str:
    """The table of the commands."""
    rows = ((f"[`{_call(name)}`](commands/{name}.md)", about(name)) for name in NAMES)
    return table(("command", "purpose"), rows)


def about(name: str) -> str:
    """The purpose of a command in one line, from `--help`."""
    return _MODULES[name].__doc__.partition("\n")[0]


def reference(name: str) -> str:
    """The arguments of a command and its exit codes."""
    given = _arguments(name)
    own = given
    rest = ""
    if _SETTINGS.keys() <= given.keys():
        own = {key: row for key, row in given.items() if key not in _SETTINGS}
        rest = "\n\nIt also takes every [setting](settings.md)."
    arguments = table(("argument", "default", "meaning"), own.values())
    codes = table(("code", "when"), _codes(name))
    return f"## Arguments\n\n{arguments}{rest}\n\n## Exit codes\n\n{codes}"


def exit_codes() -> str:
    """Every exit code, what it means and the error in Python."""
    rows = {0: ("Done, or help was shown.", "")}
    rows[1] = ("A check did not hold, or some of the inputs could not be used.", "")
    for name, error in vars(errors).items():
        if isinstance(error, type) and "exit_code" in vars(error):
            when = error.__doc__.partition("\n")[0]
            rows.setdefault(error.exit_code, (when, f"`{name}`"))
    return table(
        ("code", "when", "error in Python"),
        ((str(code), *rows[code]) for code in sorted(rows)),
    )


def settings() -> str:
    """Every setting, section by section."""
    defaults = {name: spec.default for name, spec in _SETTINGS.items()}
    defaults |= RECIPES[DEFAULT_RECIPE]
    text = []
    for section, title in _SECTIONS.items():
        rows = [
            (f"`--{name}`", _plain(defaults[name]), f"{_typed(spec)}{_text(spec.help)}")
            for name, spec in _SETTINGS.items()
            if spec.section == section
        ]
        text += [f"## {title}", table(("setting", "default", "meaning"), rows)]
    return "\n\n".join(text)


def free_settings() -> str:
    """Returns the list of the settings with which a run can resume unlike before."""
    free = (name for name, spec in _SETTINGS.items() if spec.local or spec.place)
    return ", ".join(f"`--{name}`" for name in free)


def _parts(name: str) -> dict[str, Callable[[], str]]:
    return {make.__name__: functools.partial(make, name) for make in (about, reference)}


def _call(name: str) -> str:
    return f"python {name}.py" if name in _SCRIPTS else f"python -m resnet_tf {name}"


def _arguments(name: str) -> dict[str, tuple[str, str, str]]:
    """Returns the row of each argument of a command by its name."""
    parser = argparse.ArgumentParser(add_help=False)
    _MODULES[name].add_arguments(parser)
    rows = {}
    for action in parser._actions:
        shown = (action.option_strings or [action.metavar or action.dest])[-1]
        more = " ..." if action.nargs in ("*", "+", argparse.REMAINDER) else ""
        needed = action.required and action.nargs != "*"
        default = "required" if needed else _plain(shown_default(action))
        text = _choices(action.choices) + _text(action.help or "")
        rows[action.dest] = f"`{shown}{more}`", default, text
    return rows


def _codes(name: str) -> list[tuple[str, str]]:
    """Returns the exit codes of a command and their meaning."""
    what, _, raised = inspect.getdoc(_MODULES[name].run).partition("\nRaises:\n")
    found = {0: ["Done."], USAGE: ["An argument is unknown or missing."]}
    if checked := re.search(r"exits with 1 (if [^.]*)\.", what):
        found[1] = [_sentence(checked[1])]
    others = []
    for title, when in _ENTRY.findall(raised):
        if title == SystemExit.__name__:
            others.append(("another", _sentence(when)))
            continue
        error = getattr(errors, title)
        found.setdefault(error.exit_code, []).append(_sentence(when))
    found.setdefault(STOPPED, ["Ctrl-C."])
    return [(f"{code}", " ".join(found[code])) for code in sorted(found)] + others


def _sentence(text: str) -> str:
    """Returns the text as one sentence in one line, e.g. "If it is missing."."""
    joined = " ".join(text.split()).removesuffix(".")
    return f"{joined[0].upper()}{joined[1:]}."


def _typed(spec: FieldSpec) -> str:
    """Returns the values that a setting takes, and the networks that have it."""
    of = f"Of {', '.join(spec.families)}. " if spec.families else ""
    return of + _choices(spec.choices)


def _choices(values: Iterable[str] | None) -> str:
    return f"{', '.join(f'`{value}`' for value in values)}. " if values else ""


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def _text(help: str) -> str:
    """Returns a help text as Markdown."""
    return help.replace("%%", "%").replace("<", r"\<")
