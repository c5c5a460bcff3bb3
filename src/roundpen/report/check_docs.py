# SPDX-License-Identifier: BSD-2-Clause
"""The pages that are made from the rules and routes: `python -m roundpen.report.check_docs docs`.

docs/rules.md is written whole; docs/routes.md between its marks, two for each table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from roundpen.check.findings import Rule, rules
from roundpen.check.known import KnownBoard, boards, loaders, lossy_psci
from roundpen.check.ways import WAYS
from roundpen.errors import UserError
from roundpen.kexec.known import KnownKernel, kernels
from roundpen.publish import publish
from roundpen.report.check import ways

_MARKS = ("<!-- generated: {} -->\n", "<!-- end of generated: {} -->\n")


def rules_page() -> str:
    """All of docs/rules.md."""
    return "\n".join(_rules_lines()) + "\n"


def _rules_lines() -> Iterator[str]:
    yield "<!-- SPDX-License-Identifier: BSD-2-Clause -->"
    yield "<!-- Generated: python -m roundpen.report.check_docs docs -->"
    yield "# Rules of `roundpen check`"
    yield ""
    yield (
        "Each rule has one code for good. `error`: something that is promised or expected does "
        "not work, or memory is overwritten. `warning`: it may go wrong, depending on what the "
        "tree does not say. `note`: to know; does not count in the exit status."
    )
    for live, title in ((False, "The device tree"), (True, "The running system (`--live`)")):
        some = [entry for entry in rules() if entry.live is live]
        yield from ("", f"## {title}", "")
        yield "| code | severity | what |"
        yield "|---|---|---|"
        for entry in some:
            link = f"[{entry.code}](#{entry.code.lower()})"
            yield f"| {link} | {entry.severity.value} | {entry.title} |"
        for entry in some:
            yield from _entry(entry)


def _entry(entry: Rule) -> Iterator[str]:
    yield from ("", f"### {entry.code}", "")
    yield from (f"**{entry.title}** ({entry.severity.value}). {entry.why}", "")
    yield from (f"*To do:* {entry.do}", "", f"*Known from:* {entry.source}")
    if said := "; ".join(ways(entry)):
        yield from ("", f"*Ways:* {said}")
    if entry.code in ("RP066", "RP067"):
        yield from ("", "| firmware | what was seen | to do | source |", "|---|---|---|---|")
        for row in lossy_psci():
            if row.certain is (entry.code == "RP066"):
                yield f"| {row.name} | {row.seen} | {row.do} | {row.source} |"
    if entry.code == "RP089":
        yield from (
            "",
            "| loader | versions | kernel | tree | initrd | source |",
            "|---|---|---|---|---|---|",
        )
        for known in loaders():
            at = " | ".join(f"{each:#x}" for each in (known.kernel, known.tree, known.initrd))
            yield f"| {known.name} | {known.first} to {known.last} | {at} | {known.source} |"


def routes_table() -> str:
    """What stands between the marks in docs/routes.md."""
    lines = ["| way | name | needs | costs | keeps | state |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {way.title} | `{way.name}` | {way.needs} | {way.costs} | {way.keeps} | {way.known} |"
        for way in WAYS
    ]
    return "\n".join(lines) + "\n"


def boards_table() -> str:
    """The boards that are known, as docs/routes.md has them."""
    lines = [
        "| board | release words | reserved by the tree | entry | route | run |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_board, boards())]) + "\n"


def kernels_table() -> str:
    """The kernels that are known bad, as docs/routes.md has them."""
    lines = [
        "| name | which kernel | where | what happens | to do | source |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_kernel, kernels())]) + "\n"


def _kernel(row: KnownKernel) -> str:
    until = f" to {row.last}" if row.last else " and newer"
    which = f"the {row.whose} one, {row.first}{until}"
    where = ", ".join(row.when) or "everywhere"
    sure = "" if row.certain else " (not certain)"
    cells = (f"`{row.name}`", which, f"{where}{sure}", row.seen, row.do, row.source)
    return f"| {' | '.join(cells)} |"


def _board(row: KnownBoard) -> str:
    cells = (row.name, row.words, row.reserved, row.entry, row.route, row.run)
    return f"| {' | '.join(cells)} |"


def routes_page(old: str) -> str:
    """docs/routes.md with the tables as they are now.

    Raises UserError when a mark is missing.
    """
    page = _replaced(old, "routes", routes_table())
    page = _replaced(page, "boards", boards_table())
    return _replaced(page, "kernels", kernels_table())


def _replaced(old: str, name: str, table: str) -> str:
    marks = [mark.format(name) for mark in _MARKS]
    head, begin, rest = old.partition(marks[0])
    _, end, tail = rest.partition(marks[1])
    if not (begin and end):
        raise UserError(f"routes.md: no lines {marks[0].strip()} and {marks[1].strip()}")
    return head + begin + table + end + tail


def main(folder: Path) -> None:
    """Write both pages in `folder`."""
    page = folder / "routes.md"
    publish(page, routes_page(page.read_text(encoding="utf-8")).encode())
    publish(folder / "rules.md", rules_page().encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
