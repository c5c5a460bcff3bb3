# SPDX-License-Identifier: BSD-2-Clause
"""config.txt: the settings that hold on a Raspberry Pi of a given model.

Rules: Raspberry Pi's documentation (config_txt/conditional, boot). What a filter asks that
can't be known here (a pin, a display, a serial number) makes its settings unknown, not absent.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from roundpen.errors import UserError
from roundpen.kexec.places import Root, join

_NESTED_MAX = 8
_MODELS = {
    # Filter: what /proc/device-tree/model has behind "Raspberry Pi ".
    "pi1": r"(Model [AB]|Compute Module Rev)",
    "pi2": r"2 ",
    "pi3": r"(3 |Compute Module 3)",
    "pi3+": r"3 Model [AB] Plus",
    "pi4": r"(4 |400|Compute Module 4)",
    "pi5": r"(5 |500|Compute Module 5)",
    "pi400": r"400",
    "pi500": r"500",
    "cm1": r"Compute Module Rev",
    "cm3": r"Compute Module 3 (?!Plus)",
    "cm3+": r"Compute Module 3 Plus",
    "cm4": r"Compute Module 4 ",
    "cm4s": r"Compute Module 4S",
    "cm5": r"Compute Module 5",
    "pi0": r"Zero",
    "pi0w": r"Zero (W|2 W)",
    "pi02": r"Zero 2 W",
}


@dataclass(frozen=True)
class Setting:
    """A setting that holds. `source`: file and line."""

    value: str
    source: str


@dataclass
class Config:
    """What config.txt comes to."""

    settings: dict[str, Setting] = field(default_factory=dict)
    unknown: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Settings that may hold: value and source, by name."""


def read(root: Root, place: str, model: str) -> Config:
    """The settings of the file `place` and of those that it includes.

    `model`: as /proc/device-tree/model has it; empty when that is not known.
    Raises UserError when a file includes itself.
    """
    config = Config()
    _file(root, place, model, config, {}, 0)
    return config


def _file(
    root: Root,
    place: str,
    model: str,
    config: Config,
    filters: dict[str, bool | None],
    depth: int,
) -> None:
    if depth > _NESTED_MAX:
        raise UserError(f"{place}: is included by itself", remedy="take the include line out")
    for number, line in enumerate((root.text(place) or "").split("\n"), 1):
        line = line.rstrip("\r")
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            _filter(line.strip().strip("[]").strip(), model, filters)
            continue
        name, value = _pair(line)
        if name == "include" and False not in filters.values():
            inner = join(posixpath.dirname(place), value)
            _file(root, inner, model, config, filters, depth + 1)
        elif name and False not in filters.values():
            _keep(config, name, value, f"{place}:{number}", None in filters.values())


def _pair(line: str) -> tuple[str, str]:
    """`initramfs` and `include` have no "="."""
    found = re.match(r"(initramfs|include)[ \t]+(.*)", line)
    if found:
        return found[1], found[2].strip()
    name, equals, value = line.partition("=")
    return (name.strip(), value.strip()) if equals else ("", "")


def _keep(config: Config, name: str, value: str, source: str, unknown: bool) -> None:
    if unknown:
        config.unknown[name] = value, source
    else:
        config.settings[name] = Setting(value, source)
        config.unknown.pop(name, None)


def is_model(name: str, model: str) -> bool:
    """Whether `[name]` holds on the board that calls itself `model`."""
    return bool(re.match(_MODELS[name], model.removeprefix("Raspberry Pi ")))


def _filter(text: str, model: str, filters: dict[str, bool | None]) -> None:
    """Filters of one type replace each other, of different types all must hold."""
    name = text.lower()
    if name == "all":
        filters.clear()
    elif name == "none":
        filters["model"] = False
    elif name in _MODELS:
        filters["model"] = is_model(name, model) if model else None
    elif re.match(r"(pi|cm)[0-9]", name):
        # Newer than this table.
        filters["model"] = None
    elif name == "tryboot":
        # The next ordinary start is none.
        filters["tryboot"] = False
    else:
        filters[re.split(r"[=:0-9]", name)[0] or "serial"] = None
