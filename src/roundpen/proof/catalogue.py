# SPDX-License-Identifier: BSD-2-Clause
"""Which models, settings and mutants there are, and what must come of each.

Each model is a pair of data files: `models/NAME.pml`, and `models/NAME.toml`, which has its
properties, the settings under which all of them must hold, and its mutants.
"""

from __future__ import annotations

import functools
import importlib.resources
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from roundpen.errors import UserError

NAMES = ("return", "psci", "lock", "gather", "late")
"""The models, in the order in which they are searched and listed."""
WAITS = "waits"
"""The name of the property that is violated when nothing can happen and somebody still waits."""
STARVES = "starves"
"""The name of the property that is violated when others go on and somebody waits for ever."""


@dataclass(frozen=True)
class Model:
    """A Promela model.

    `cpus` is how many CPUs there are in the search of a setting, `mutant_cpus` how many in that of
    a mutant that does not need more.
    `lanes` are the columns of a timeline behind those of the CPUs, which are numbered from
    `first_cpu`. `properties`: by name, in words. `values`: what the numbers in a timeline mean.
    """

    name: str
    title: str
    bounds: str
    values: str
    properties: Mapping[str, str] = field(hash=False)
    cpus: int
    mutant_cpus: int
    lanes: tuple[str, ...]
    first_cpu: int

    @property
    def file(self) -> str:
        """Its name among the data files."""
        return f"{self.name}.pml"

    def lane_names(self, cpus: int) -> tuple[str, ...]:
        """The columns of a timeline."""
        return (*(f"CPU{self.first_cpu + cpu}" for cpu in range(cpus)), *self.lanes)


@dataclass(frozen=True)
class Setting:
    """Circumstances under which a model must hold; its switches are no faults.

    `deep_cpus`: the number of CPUs in the deep search. `fair`: searched for cycles in which
    somebody waits for ever although everybody goes on (weak fairness), instead of for bad states.
    """

    name: str
    model: Model
    title: str
    switches: frozenset[str]
    deep_cpus: int
    fair: bool


@dataclass(frozen=True)
class Mutant:
    """A model without one thing.

    `clauses`: of docs/contract.md, or what else it is named after. `change`: what is different.
    `then`: what goes wrong, in one sentence. `violates`: the name of the property; "" when
    nothing goes wrong in `setting`, which shows that the clause isn't needed there.
    """

    name: str
    setting: Setting
    clauses: tuple[str, ...]
    switches: frozenset[str]
    change: str
    then: str
    violates: str
    cpus: int

    @property
    def all_switches(self) -> frozenset[str]:
        """What is switched on in the model."""
        return self.setting.switches | self.switches


@dataclass(frozen=True)
class Catalogue:
    """Everything, by name. The first setting of a model is the plain one."""

    models: Mapping[str, Model]
    settings: Mapping[str, Setting]
    mutants: Mapping[str, Mutant]

    def mutant(self, name: str) -> Mutant:
        """The mutant of that name. Raises UserError when there is none."""
        found = self.mutants.get(name)
        if found is None:
            raise UserError(
                f"there is no mutant {name!r}", remedy="`roundpen prove --list` names all of them"
            )
        return found

    def switches(self, model: Model) -> tuple[str, ...]:
        """Every switch of a model, sorted."""
        settings = [entry.switches for entry in self.settings.values() if entry.model == model]
        mutants = [
            entry.switches for entry in self.mutants.values() if entry.setting.model == model
        ]
        return tuple(sorted(frozenset().union(*settings, *mutants)))


def folder() -> Traversable:
    """Where the data files are."""
    return importlib.resources.files("roundpen.proof") / "models"


@functools.cache
def load() -> Catalogue:
    """Read the data files."""
    models: dict[str, Model] = {}
    settings: dict[str, Setting] = {}
    mutants: dict[str, Mutant] = {}
    for name in NAMES:
        data = tomllib.loads((folder() / f"{name}.toml").read_text(encoding="utf-8"))
        models[name] = _model(name, data)
        own = [_setting(models[name], entry) for entry in data["setting"]]
        settings |= {entry.name: entry for entry in own}
        for entry in data["mutant"]:
            found = _mutant(settings[entry.get("setting", own[0].name)], entry)
            mutants[found.name] = found
    return Catalogue(models, settings, mutants)


def _model(name: str, data: Mapping[str, Any]) -> Model:
    return Model(
        name=name,
        title=data["title"],
        bounds=data["bounds"],
        values=data["values"],
        properties=data["properties"],
        cpus=data["cpus"],
        mutant_cpus=data["mutant_cpus"],
        lanes=tuple(data["lanes"]),
        first_cpu=data.get("first_cpu", 1),
    )


def _setting(model: Model, data: Mapping[str, Any]) -> Setting:
    return Setting(
        name=data["name"],
        model=model,
        title=data["title"],
        switches=frozenset(data["switches"].split()),
        deep_cpus=data["deep_cpus"],
        fair=data.get("fair", False),
    )


def _mutant(setting: Setting, data: Mapping[str, Any]) -> Mutant:
    return Mutant(
        name=data["name"],
        setting=setting,
        clauses=tuple(data["clauses"].split()),
        switches=frozenset(data["switches"].split()),
        change=data["change"],
        then=data.get("then", ""),
        violates=data.get("violates", ""),
        cpus=data.get("cpus", setting.model.mutant_cpus),
    )
