# SPDX-License-Identifier: BSD-2-Clause
"""What a grub.cfg comes to: its menu, without doing anything that it says.

Values are followed through variables, tests and the file's own functions; what depends on the
machine at boot (`loadfont`, a key, a clock) is unknown, and then both branches count.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from roundpen.errors import UserError
from roundpen.kexec import grubenv
from roundpen.kexec.grub_script import Command, Function, If, Part, Statement, Word, parse
from roundpen.kexec.grub_test import truth
from roundpen.kexec.places import Root, join

PREFIX = "($prefix)"
"""Stands for the folder of grub.cfg where a name begins with $prefix."""

_STEPS_MAX = 100_000
_NESTED_MAX = 16
_LINUX = ("linux", "linux16", "linuxefi")
_INITRD = ("initrd", "initrd16", "initrdefi")
_OTHERS = ("chainloader", "configfile", "multiboot", "multiboot2", "fwsetup", "xen_hypervisor")
_TAKES_VALUE = ("--class", "--users", "--hotkey", "--id", "--source")
_BEFORE = {
    "grub_platform": "efi",
    "grub_cpu": "arm64",
    "prefix": PREFIX,
    "config_directory": PREFIX,
}

Variables = dict[str, str | None]
"""None: set to something that can't be known here."""


@dataclass
class Item:
    """A line of the menu. `entry` and `submenu` have their block, `blscfg` stands for many."""

    kind: str
    title: str
    id: str
    line: int
    place: str
    block: tuple[Statement, ...] = ()
    unsure: bool = False
    """It is there only if something holds that can't be known."""


@dataclass
class State:
    """Where a run has got to."""

    variables: Variables
    items: list[Item] = field(default_factory=list)
    functions: dict[str, tuple[Statement, ...]] = field(default_factory=dict)
    loads: dict[str, list[str]] = field(default_factory=dict)
    """What the last linux, initrd, devicetree command was given."""
    line: int = 0
    """Of the linux command."""
    other: str = ""
    """A command that starts something else than a kernel."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Variables that were used and can't be known."""
    steps: int = 0
    depth: int = 0
    unsure: bool = False


class Run:
    """A run over one configuration."""

    def __init__(self, root: Root, place: str) -> None:
        """`place`: grub.cfg."""
        self._root = root
        self._folder = posixpath.dirname(place)
        self._place = place

    def file(self) -> State:
        """The whole file: the state before the menu is shown."""
        state = State(dict(_BEFORE))
        self._source(self._place, state)
        return state

    def block(self, item: Item, before: State) -> State:
        """What happens when an item is chosen."""
        place, self._place = self._place, item.place
        state = State(dict(before.variables), functions=dict(before.functions))
        state.variables["chosen"] = item.id
        self._all(item.block, state)
        self._place = place
        return state

    # --- statements ------------------------------------------------------------------------

    def _all(self, body: tuple[Statement, ...], state: State) -> bool | None:
        """Whether the last of them succeeds; None: not known."""
        result: bool | None = True
        for statement in body:
            state.steps += 1
            if state.steps > _STEPS_MAX:
                raise UserError(f"{self._place}: does not come to an end", remedy="give KERNEL")
            if isinstance(statement, Command):
                result = self._command(statement, state)
            elif isinstance(statement, If):
                self._if(statement, state)
            elif isinstance(statement, Function):
                state.functions[statement.name] = statement.body
            else:
                self._maybe(statement.body, state)
                # How often it runs, and with what, is not followed.
                state.variables.update(dict.fromkeys(_assigned(statement.body)))
        return result

    def _if(self, statement: If, state: State) -> None:
        """The branch that is taken, or each that may be."""
        for condition, body in statement.cases:
            holds = self._all(condition, state)
            if holds:
                self._all(body, state)
                return
            if holds is None:
                rest = If(
                    statement.cases[statement.cases.index((condition, body)) + 1 :],
                    statement.otherwise,
                )
                self._maybe(body, state)
                self._maybe((rest,), state)
                return
        self._all(statement.otherwise, state)

    def _maybe(self, body: tuple[Statement, ...], state: State) -> None:
        """A branch or a loop of which nobody knows whether it runs."""
        before, unsure = dict(state.variables), state.unsure
        state.unsure = True
        self._all(body, state)
        state.unsure = unsure
        for name in before.keys() | state.variables.keys():
            if before.get(name, "") != state.variables.get(name, ""):
                state.variables[name] = None

    # --- commands --------------------------------------------------------------------------

    def _command(self, command: Command, state: State) -> bool | None:
        words = self.expand(command.words, state)
        if not words:
            return True
        if words[0] == "!":
            words.pop(0)
            inner = self._named(command, words, state)
            return None if inner is None else not inner
        return self._named(command, words, state)

    def _named(self, command: Command, words: list[str], state: State) -> bool | None:
        name, arguments = words[0] if words else "true", words[1:]
        if name in ("[", "test"):
            unknown = self._uses_unknown(command.words, state)
            return None if unknown else truth(arguments, self._is_file)
        if name in ("true", "false"):
            return name == "true"
        if name == "set" or re.match(r"\w+=", name, re.ASCII):
            self._set(command, name, arguments, state)
            return True
        if name in state.functions:
            return self._call(name, arguments, state)
        if name in ("menuentry", "submenu", "blscfg", "bls_import"):
            self._item(command, name, arguments, state)
            return True
        if name in ("source", ".", "load_env", "unset"):
            return self._reads(name, arguments, state)
        return self._loads(command, name, arguments, state)

    def _loads(
        self, command: Command, name: str, arguments: list[str], state: State
    ) -> bool | None:
        """Commands that say what is started."""
        if name in _LINUX:
            state.loads["linux"], state.line = arguments, command.line
        elif name in _INITRD:
            state.loads["initrd"] = arguments
        elif name == "devicetree":
            state.loads["devicetree"] = arguments
        elif name in _OTHERS:
            state.other = name
        elif name in ("export", "insmod", "echo", "save_env"):
            return True
        return None

    def _set(self, command: Command, name: str, arguments: list[str], state: State) -> None:
        text = arguments[0] if name == "set" and arguments else name
        variable, equals, value = text.partition("=")
        if equals:
            unknown = self._uses_unknown(command.words, state)
            state.variables[variable] = None if unknown else value

    def _call(self, name: str, arguments: list[str], state: State) -> bool | None:
        if state.depth >= _NESTED_MAX:
            raise UserError(f"{self._place}: {name} calls itself too deep", remedy="give KERNEL")
        outer = {str(number): state.variables.get(str(number), "") for number in range(10)}
        for number in range(10):
            state.variables[str(number)] = (
                arguments[number - 1] if 0 < number <= len(arguments) else ""
            )
        state.depth += 1
        result = self._all(state.functions[name], state)
        state.depth -= 1
        state.variables.update(outer)
        return result

    def _reads(self, name: str, arguments: list[str], state: State) -> bool | None:
        if name == "unset":
            state.variables.update(dict.fromkeys(arguments, ""))
        elif name == "load_env":
            place = f"{self._folder}/grubenv"
            if arguments[:1] in (["-f"], ["--file"]) and len(arguments) > 1:
                place, arguments = self._inside(arguments[1]), arguments[2:]
            for variable, value in (grubenv.read(self._root, place) or {}).items():
                if not arguments or variable in arguments:
                    state.variables[variable] = value
        elif arguments:
            place = self._inside(arguments[0])
            return self._source(place, state) if self._root.is_file(place) else False
        return True

    def _source(self, place: str, state: State) -> bool | None:
        if state.depth >= _NESTED_MAX:
            raise UserError(f"{place}: is read from within itself", remedy="give KERNEL")
        outer, self._place = self._place, place
        state.depth += 1
        result = self._all(parse(self._root.text(place) or "", place), state)
        state.depth -= 1
        self._place = outer
        return result

    def _item(self, command: Command, name: str, arguments: list[str], state: State) -> None:
        if name in ("blscfg", "bls_import"):
            state.items.append(Item("blscfg", "", "", command.line, self._place, (), state.unsure))
            return
        title = identity = ""
        words = iter(arguments)
        for word in words:
            option, equals, value = word.partition("=")
            if option in _TAKES_VALUE:
                value = value if equals else next(words, "")
                identity = value if option == "--id" else identity
            elif word != "--unrestricted" and not title:
                title = word
        kind = "submenu" if name == "submenu" else "entry"
        block = command.block or ()
        state.items.append(
            Item(kind, title, identity or title, command.line, self._place, block, state.unsure)
        )

    # --- words -----------------------------------------------------------------------------

    def expand(self, words: tuple[Word, ...], state: State) -> list[str]:
        """Words with their variables put in; one that is not quoted may become many or none."""
        done: list[str] = []
        for word in words:
            done += _split([(part.quoted, self._value(part, state)) for part in word])
        return done

    def _value(self, part: Part, state: State) -> str:
        if not part.variable:
            return part.text
        name = part.text
        value = state.variables.get(name, "y" if name.startswith("feature_") else "")
        if value is None:
            state.unknown[name] = None
        return value or ""

    def _uses_unknown(self, words: tuple[Word, ...], state: State) -> bool:
        return any(
            part.variable and state.variables.get(part.text, "") is None
            for word in words
            for part in word
        )

    def _inside(self, name: str) -> str:
        """The place of a file that the configuration names."""
        if name.startswith(PREFIX):
            return join(self._folder, name.removeprefix(PREFIX))
        return self._root.locate(without_device(name), self._place)

    def _is_file(self, name: str) -> int | None:
        """The size of a file, None when it is not there."""
        if not name:
            return None
        data = self._root.data(self._inside(name))
        return None if data is None else len(data)


def _assigned(body: tuple[Statement, ...]) -> Iterator[str]:
    """Variables that statements assign, by the look of them."""
    for statement in body:
        if isinstance(statement, If):
            for _, inner in statement.cases:
                yield from _assigned(inner)
            yield from _assigned(statement.otherwise)
        elif isinstance(statement, Command):
            texts = [word[0].text for word in statement.words if word and not word[0].variable]
            for text in texts[1:] if texts[:1] == ["set"] else texts[:1]:
                yield text.partition("=")[0]
        else:
            yield from _assigned(statement.body)


def without_device(name: str) -> str:
    """A file's name without "(hd0,gpt2)" or "($root)" at its front."""
    return name.partition(")")[2] if name.startswith("(") else name


def _split(pieces: list[tuple[bool, str]]) -> list[str]:
    """Words of pieces: what is not quoted is split at blanks, what is quoted makes a word."""
    words: list[str] = []
    open_word = False
    for quoted, text in pieces:
        parts = [text] if quoted else text.split()
        for number, part in enumerate(parts):
            starts = number > 0 or not open_word or (not quoted and text[:1].isspace())
            if starts:
                words.append(part)
            else:
                words[-1] += part
            open_word = True
        if not quoted and text[-1:].isspace():
            open_word = False
    return words
