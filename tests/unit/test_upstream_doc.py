# SPDX-License-Identifier: BSD-2-Clause
"""docs/upstream.md: the list of patches and the diffstat in the letter are the series' own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.unit.test_contract_doc import CLAUSE, clauses, patches, subject
from tests.unit.test_docs import DOCS

DOCUMENT = DOCS / "upstream.md"
LINE = "6.12"
"""The line of which the letter gives the diffstat."""
WIDTH = 75
"""Columns of the letter, as in a kernel commit message."""


def letter() -> str:
    """The letter itself."""
    (text,) = re.findall(r"```text\n(.*?)```\n", DOCUMENT.read_text(encoding="utf-8"), re.S)
    return str(text)


def shortlog(series: Mapping[int, str]) -> str:
    """The subjects, numbered."""
    return "".join(f"  {number}. {subject(text)}\n" for number, text in series.items())


def diffstat(series: Mapping[int, str]) -> str:
    """Lines added and removed by the patches, per file, summed up over the series."""
    counts: dict[str, list[int]] = {}
    for text in series.values():
        for part in re.split(r"^diff --git ", text, flags=re.M)[1:]:
            path = part.split(" b/", 1)[1].splitlines()[0]
            # The mail's signature begins with "-- " and would count as a line that is removed.
            body = re.split(r"^-- $", part.split("\n@@", 1)[1], flags=re.M)[0]
            entry = counts.setdefault(path, [0, 0])
            entry[0] += len(re.findall(r"^\+", body, re.M))
            entry[1] += len(re.findall(r"^-", body, re.M))
    lines = [f" {path:<47} | {a:>3} + {b:>2} -" for path, (a, b) in sorted(counts.items())]
    added, removed = (sum(entry[at] for entry in counts.values()) for at in (0, 1))
    lines.append(f" {len(counts)} files, {added} insertions(+), {removed} deletions(-)")
    return "".join(f"{line}\n" for line in lines)


def test_the_letter_lists_the_patches() -> None:
    wanted = shortlog(patches(LINE))
    assert f"\n{wanted}\n" in letter(), f"docs/upstream.md needs:\n{wanted}"
    assert f"[PATCH 0/{len(patches(LINE))}]" in letter()


def test_the_letter_has_the_diffstat() -> None:
    wanted = diffstat(patches(LINE))
    assert f"\n{wanted}" in letter(), f"docs/upstream.md needs:\n{wanted}"


def test_git_agrees_about_the_number_of_files() -> None:
    # Every patch carries git's own summary: the counting above must not see less or more.
    for number, text in patches(LINE).items():
        found = re.search(
            r"^ (\d+) files? changed(?:, (\d+) insertions?\(\+\))?(?:, (\d+) deletions?\(-\))?$",
            text,
            re.M,
        )
        assert found is not None
        numbers = tuple(int(value or 0) for value in found.groups())
        last = diffstat({number: text}).splitlines()[-1]
        assert tuple(int(value) for value in re.findall(r"\d+", last)) == numbers


def test_the_letter_fits_a_mail() -> None:
    for line in letter().splitlines():
        assert len(line) <= WIDTH or "https://" in line, line
        assert line.isascii(), line


def test_clauses_cited_exist() -> None:
    cited = set(re.findall(CLAUSE, DOCUMENT.read_text(encoding="utf-8")))
    assert cited
    assert cited <= set(clauses())
