# SPDX-License-Identifier: BSD-2-Clause
"""GRUB's `test`: `[ ... ]` with its words put in (grub-core/commands/test.c, 2.12)."""

from __future__ import annotations

from collections.abc import Callable

IsFile = Callable[[str], int | None]
"""The size in bytes of the file of that name; None: it is not there."""

_NUMBERS = ("-eq", "-ne", "-lt", "-le", "-gt", "-ge")
_TEXTS = ("=", "==", "!=", "<", "<=", ">", ">=")
_FILES = ("-d", "-e", "-f", "-s")


def truth(words: list[str], is_file: IsFile) -> bool | None:
    """What the words come to; None: that can't be known here. Nobody reads GRUB's file systems."""
    words = words[:-1] if words[-1:] == ["]"] else words
    return _Test(words, is_file).any_of()


class _Test:
    def __init__(self, words: list[str], is_file: IsFile) -> None:
        self._words = words
        self._is_file = is_file

    def any_of(self) -> bool | None:
        result = self._all_of()
        while self._words[:1] == ["-o"]:
            self._words = self._words[1:]
            other = self._all_of()
            result = True if result or other else (None if None in (result, other) else False)
        return result

    def _all_of(self) -> bool | None:
        result = self._one()
        while self._words and self._words[0] not in ("-o", ")"):
            if self._words[0] == "-a":
                self._words = self._words[1:]
            other = self._one()
            known = None if None in (result, other) else True
            result = False if result is False or other is False else known
        return result

    def _one(self) -> bool | None:
        words = self._words
        if not words:
            return False
        if words[0] == "!":
            self._words = words[1:]
            inner = self._one()
            return None if inner is None else not inner
        if words[0] == "(":
            self._words = words[1:]
            inner = self.any_of()
            self._words = self._words[1:]
            return inner
        if len(words) >= 3 and words[1] in _TEXTS + _NUMBERS:
            self._words = words[3:]
            return _compare(words[0], words[1], words[2])
        if len(words) >= 2 and words[0] in (*_FILES, "-n", "-z"):
            self._words = words[2:]
            return self._unary(words[0], words[1])
        self._words = words[1:]
        return bool(words[0]) if not words[0].startswith("-") else None

    def _unary(self, option: str, value: str) -> bool | None:
        if option in ("-n", "-z"):
            return bool(value) == (option == "-n")
        if option == "-d":
            return None
        size = self._is_file(value)
        return size is not None and (option != "-s" or size > 0)


def _compare(left: str, operator: str, right: str) -> bool | None:
    if operator in _NUMBERS:
        try:
            numbers = int(left, 0), int(right, 0)
        except ValueError:
            return None
        return _ordered((numbers[0] > numbers[1]) - (numbers[0] < numbers[1]), operator)
    return _ordered((left > right) - (left < right), operator)


def _ordered(order: int, operator: str) -> bool:
    if operator in ("=", "==", "-eq"):
        return order == 0
    if operator in ("!=", "-ne"):
        return order != 0
    if operator in ("<", "-lt"):
        return order < 0
    if operator in (">", "-gt"):
        return order > 0
    return order <= 0 if operator in ("<=", "-le") else order >= 0
