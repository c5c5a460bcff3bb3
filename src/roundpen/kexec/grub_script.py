# SPDX-License-Identifier: BSD-2-Clause
"""grub.cfg as a program text: its words and its structure. Nothing is evaluated here.

GRUB's language is a small shell (the manual's chapter "Writing full configuration files
directly", and grub-core/script of 2.12): quotes, variables, if, while, for, functions, and
commands that take a block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from roundpen.errors import UserError

_DEPTH_MAX = 40
_ENDS = {";": ";", "\n": ";", "|": ";", "&": ";"}
_VARIABLE = re.compile(r"\$(?:\{(\w+|[?*#@])\}|(\w+|[?*#@]))", re.ASCII)
_BARE = re.compile(r"[^\s;|&'\"\\$]+")


@dataclass(frozen=True)
class Part:
    """A piece of a word: text, or the name of a variable."""

    text: str
    variable: bool = False
    quoted: bool = False


Word = tuple[Part, ...]


@dataclass(frozen=True)
class Command:
    """Words, and the block that some commands take. `line`: where it begins, from 1."""

    words: tuple[Word, ...]
    line: int
    block: tuple[Statement, ...] | None = None


@dataclass(frozen=True)
class If:
    """Cases, each a condition and what it leads to; `otherwise`: the else branch."""

    cases: tuple[tuple[tuple[Statement, ...], tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True)
class Loop:
    """`for`, `while` or `until`; nobody here counts how often."""

    body: tuple[Statement, ...]


@dataclass(frozen=True)
class Function:
    """A function of the file's own."""

    name: str
    body: tuple[Statement, ...]


Statement = Command | If | Loop | Function


def plain(word: Word) -> str | None:
    """The text of a word without variables and quotes, as reserved words have to be."""
    if len(word) == 1 and not word[0].variable and not word[0].quoted:
        return word[0].text
    return None


def parse(text: str, place: str) -> tuple[Statement, ...]:
    """The statements of a file.

    Raises UserError, with file and line, for what GRUB would not take.
    """
    return _Parser(list(_tokens(text, place)), place).file()


@dataclass(frozen=True)
class _Token:
    word: Word | None
    """None: the end of a command."""
    line: int


def _tokens(text: str, place: str) -> Iterator[_Token]:
    position, line = 0, 1
    while position < len(text):
        sign = text[position]
        if sign in _ENDS:
            yield _Token(None, line)
            line += sign == "\n"
            position += 1
        elif sign.isspace():
            position += 1
        elif sign == "#":
            position = _until(text, position, "\n")
        elif text.startswith("\\\n", position):
            position, line = position + 2, line + 1
        else:
            end, word = _word(text, position, place, line)
            yield _Token(word, line)
            line += text.count("\n", position, end)
            position = end
    yield _Token(None, line)


def _until(text: str, position: int, sign: str) -> int:
    found = text.find(sign, position)
    return len(text) if found < 0 else found


def _word(text: str, position: int, place: str, line: int) -> tuple[int, Word]:
    parts: list[Part] = []
    while position < len(text) and text[position] not in _ENDS and not text[position].isspace():
        sign = text[position]
        if sign == "'":
            end = _closing(text, position + 1, "'", place, line)
            parts.append(Part(text[position + 1 : end], quoted=True))
            position = end + 1
        elif sign == '"':
            position = _quoted(text, position + 1, parts, place, line)
        elif sign == "\\":
            parts.append(Part(text[position + 1 : position + 2].replace("\n", ""), quoted=True))
            position += 2
        elif sign == "$":
            position = _dollar(text, position, parts, quoted=False)
        else:
            bare = _BARE.match(text, position)
            assert bare
            parts.append(Part(bare[0]))
            position = bare.end()
    return position, tuple(parts)


def _closing(text: str, position: int, sign: str, place: str, line: int) -> int:
    end = text.find(sign, position)
    if end < 0:
        raise UserError(f"{place}:{line}: a {sign} that is not closed", remedy="run update-grub")
    return end


def _quoted(text: str, position: int, parts: list[Part], place: str, line: int) -> int:
    """Behind a double quote: to the closing one. A backslash counts before $, \\, " and newline."""
    parts.append(Part("", quoted=True))
    while True:
        sign = text[position : position + 1]
        if not sign:
            raise UserError(f'{place}:{line}: a " that is not closed', remedy="run update-grub")
        if sign == '"':
            return position + 1
        if sign == "\\" and text[position + 1 : position + 2] in ("$", "\\", '"', "\n"):
            parts.append(Part(text[position + 1].replace("\n", ""), quoted=True))
            position += 2
        elif sign == "$":
            position = _dollar(text, position, parts, quoted=True)
        else:
            end = re.compile(r'[^"\\$]*').match(text, position + 1)
            assert end
            parts.append(Part(text[position : end.end()], quoted=True))
            position = end.end()


def _dollar(text: str, position: int, parts: list[Part], *, quoted: bool) -> int:
    found = _VARIABLE.match(text, position)
    if found:
        parts.append(Part(found[1] or found[2], variable=True, quoted=quoted))
        return found.end()
    # $"text" is a text to be translated; a lone $ is itself.
    if not (text.startswith('$"', position) and not quoted):
        parts.append(Part("$", quoted=quoted))
    return position + 1


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[_Token], place: str) -> None:
        self._tokens = tokens
        self._at = 0
        self._place = place

    def file(self) -> tuple[Statement, ...]:
        body = self._statements((), 0)
        if self._at < len(self._tokens):
            self._fail(f'"{self._reserved()}" without its beginning')
        return body

    def _fail(self, what: str) -> None:
        at = min(self._at, len(self._tokens) - 1)
        raise UserError(f"{self._place}:{self._tokens[at].line}: {what}", remedy="run update-grub")

    def _reserved(self) -> str | None:
        """The next word, if it is a plain one."""
        if self._at < len(self._tokens):
            word = self._tokens[self._at].word
            return plain(word) if word else None
        return None

    def _statements(self, until: tuple[str, ...], depth: int) -> tuple[Statement, ...]:
        """Up to a word of `until`, which is not consumed, or to the end of the file."""
        if depth > _DEPTH_MAX:
            self._fail(f"nested more than {_DEPTH_MAX} deep")
        body: list[Statement] = []
        while self._at < len(self._tokens):
            if self._tokens[self._at].word is None:
                self._at += 1
                continue
            word = self._reserved()
            if word in until or word in _CLOSING:
                break
            body.append(_OPENING.get(word or "", _Parser._command)(self, depth))
        if until and self._reserved() not in until:
            self._fail(f"{' or '.join(until)} is missing")
        return tuple(body)

    def _if(self, depth: int) -> If:
        cases = []
        self._at += 1
        while True:
            condition = self._statements(("then",), depth + 1)
            self._at += 1
            cases.append((condition, self._statements(("elif", "else", "fi"), depth + 1)))
            word = self._reserved()
            self._at += 1
            if word == "else":
                otherwise = self._statements(("fi",), depth + 1)
                self._at += 1
                return If(tuple(cases), otherwise)
            if word == "fi":
                return If(tuple(cases), ())

    def _loop(self, depth: int) -> Loop:
        self._at += 1
        head = self._statements(("do",), depth + 1)
        self._at += 1
        body = self._statements(("done",), depth + 1)
        self._at += 1
        return Loop(head + body)

    def _function(self, depth: int) -> Function:
        self._at += 1
        name = self._reserved()
        self._at += 1
        while self._at < len(self._tokens) and self._tokens[self._at].word is None:
            self._at += 1
        if name is None or self._reserved() != "{":
            self._fail("a function without a name or a body")
        return Function(name or "", self._block(depth))

    def _block(self, depth: int) -> tuple[Statement, ...]:
        self._at += 1
        body = self._statements(("}",), depth + 1)
        self._at += 1
        return body

    def _command(self, depth: int) -> Command:
        line = self._tokens[self._at].line
        words: list[Word] = []
        while self._at < len(self._tokens):
            word = self._tokens[self._at].word
            if word is None:
                break
            if plain(word) == "{":
                return Command(tuple(words), line, self._block(depth))
            if plain(word) == "}" and words:
                break
            words.append(word)
            self._at += 1
        return Command(tuple(words), line)


_OPENING: dict[str, Callable[[_Parser, int], Statement]] = {
    "if": _Parser._if,
    "while": _Parser._loop,
    "until": _Parser._loop,
    "for": _Parser._loop,
    "function": _Parser._function,
}
_CLOSING = ("then", "elif", "else", "fi", "do", "done", "}")
