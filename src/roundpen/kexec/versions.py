# SPDX-License-Identifier: BSD-2-Clause
"""Which of two versions is newer, as each of those who name kernels sees it."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from functools import cmp_to_key

_LETTERS = frozenset(string.ascii_letters)
_DIGITS = frozenset(string.digits)
_UAPI_SIGNS = _LETTERS | _DIGITS | frozenset("-.~^")

Order = Callable[[str, str], int]
"""Below 0: the first is older; above 0: newer; 0: neither."""


def newest_first(names: list[str], order: Order) -> list[str]:
    """`names`, sorted; what compares equal keeps its order."""
    return sorted(names, key=cmp_to_key(order), reverse=True)


def debian(left: str, right: str) -> int:
    """As `linux-version sort` (linux-base 4.12.1, DebianLinux.pm): u-boot-menu's order.

    Runs of digits compare as numbers, all else as text; "-rc" and "-trunk" are before anything,
    before the end as well.
    """
    pieces = [re.findall(r"[0-9]+|-?[^-0-9]*", text) for text in (left, right)]
    for number in range(max(map(len, pieces)) + 1):
        one, two = (piece[number] if number < len(piece) else None for piece in pieces)
        early = [text in ("-rc", "-trunk") for text in (one, two)]
        if early[0] != early[1]:
            return -1 if early[0] else 1
        if one is None or two is None:
            return (one is not None) - (two is not None)
        if one[:1] in _DIGITS and two[:1] in _DIGITS:
            if int(one) != int(two):
                return -1 if int(one) < int(two) else 1
        elif one != two:
            return -1 if one < two else 1
    return 0


def uapi(left: str, right: str) -> int:
    """As systemd-boot sorts, and the UAPI group's version format specification (UAPI.10).

    Where the two differ it is systemd's: before a number, even 0, is what is none.
    """
    while True:
        left, right = _known(left), _known(right)
        for sign in "~", "", "-", "^", ".":
            # One step after the other: what is behind a skipped sign is no new beginning.
            if not sign and not (left and right):
                return bool(left) - bool(right)
            if sign and sign in (left[:1], right[:1]):
                if left[:1] != right[:1]:
                    return -1 if left[:1] == sign else 1
                left, right = left[1:], right[1:]
        digits = left[:1] in _DIGITS or right[:1] in _DIGITS
        one, left = _run(left, _DIGITS if digits else _LETTERS)
        two, right = _run(right, _DIGITS if digits else _LETTERS)
        if digits and not (one and two):
            return bool(one) - bool(two)
        if digits:
            one, two = one.lstrip("0"), two.lstrip("0")
        # Numbers without leading zeros compare as (length, text): they may be of any length.
        first, second = ((len(one), one), (len(two), two)) if digits else ((0, one), (0, two))
        if first != second:
            return -1 if first < second else 1


def _known(text: str) -> str:
    for number, sign in enumerate(text):
        if sign in _UAPI_SIGNS:
            return text[number:]
    return ""


def _run(text: str, signs: frozenset[str]) -> tuple[str, str]:
    end = next((number for number, sign in enumerate(text) if sign not in signs), len(text))
    return text[:end], text[end:]


def grub(left: str, right: str) -> int:
    """As GRUB's blscfg sorts file names (Fedora's grub2, blscfg.c): rpm's order of NVRs."""
    for one, two in zip(_nvr(left), _nvr(right), strict=True):
        found = _rpm(one, two)
        if found:
            return found
    return 0


def _nvr(name: str) -> tuple[str, str, str]:
    """Name, version and release, split at the last two hyphens; what is missing is at the end."""
    pieces = name.rsplit("-", 2)
    return (pieces[0], *pieces[1:], "", "")[:3]  # type: ignore[return-value]


def _rpm(left: str, right: str) -> int:
    while left or right:
        left, right = (re.sub(r"^[^A-Za-z0-9~+]+", "", text) for text in (left, right))
        sign = next((sign for sign in "~+" if sign in (left[:1], right[:1])), None)
        if sign:
            if left[:1] != right[:1]:
                return _before(sign, left, right)
            left, right = left[1:], right[1:]
            continue
        if not left or not right:
            break
        numeric = left[0] in _DIGITS
        signs = _DIGITS if numeric else _LETTERS
        (one, left), (two, right) = _run(left, signs), _run(right, signs)
        if not two:
            return 1 if numeric else -1
        if numeric:
            one, two = one.lstrip("0"), two.lstrip("0")
        first, second = (len(one) * numeric, one), (len(two) * numeric, two)
        if first != second:
            return -1 if first < second else 1
    return bool(left) - bool(right)


def _before(sign: str, left: str, right: str) -> int:
    """One of the two begins with `sign`: "~" is before anything, "+" only behind the end."""
    if sign == "+" and not (left and right):
        return bool(left) - bool(right)
    return -1 if left[:1] == sign else 1
