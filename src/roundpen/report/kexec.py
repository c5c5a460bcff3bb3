# SPDX-License-Identifier: BSD-2-Clause
"""A plan as text for people: what is against it first, then what would be done, then what is lost.

Tables by rich where it is installed, as columns otherwise: a board may have nothing but Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from roundpen.kexec.plan import Plan, Reason, SystemCall

WIDTH = 100
_MAP_MAX = 60
"""Rows of the memory map; a server has hundreds."""
_LABEL = 14


def lines(plan: Plan, *, width: int = WIDTH) -> Iterator[str]:
    """The plan, a line each."""
    for text in _lines(plan, width):
        yield "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _lines(plan: Plan, width: int) -> Iterator[str]:
    yield f"Plan: into {plan.wanted.kernel}"
    yield ""
    yield from _reasons("Against it", plan.refused, width)
    yield from _reasons("To know", plan.warnings, width)
    for label, text in _facts(plan):
        for number, part in enumerate(wrap(text, width - _LABEL, break_on_hyphens=False) or [""]):
            yield f"{label if number == 0 else '':<{_LABEL}}{part}"
    if plan.segments:
        rows = [(each.name, _from(each.range), _to(each.range), _size(each.content))
                for each in sorted(plan.segments, key=lambda each: each.range)]  # fmt: skip
        yield ""
        yield from table(("segment", "from", "to", "content"), rows, width)
    if plan.memory:
        yield ""
        yield from table(("memory now", "from", "to"), list(_map(plan)), width)
    yield ""
    yield "Lost:"
    for text in plan.lost:
        yield from _item(text, width)


def _reasons(title: str, reasons: Sequence[Reason], width: int) -> Iterator[str]:
    if not reasons:
        return
    yield f"{title}:"
    for reason in reasons:
        yield from _item(f"{reason.name}: {reason.found}", width)
        if reason.do:
            yield from (f"    {part}" for part in wrap(f"-> {reason.do}", width - 4))
    yield ""


def _item(text: str, width: int) -> Iterator[str]:
    for number, part in enumerate(wrap(text, width - 4, break_on_hyphens=False)):
        yield f"  {'-' if number == 0 else ' '} {part}"


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    kernel = plan.kernel
    if kernel is not None:
        packed = f", unpacked from {', '.join(kernel.packing)}" if kernel.packing else ""
        page = f", pages of {kernel.header.page_size >> 10} KiB" if kernel.header.page_size else ""
        yield "kernel", f"{kernel.release or 'of an unknown release'}{page}{packed}"
    if plan.wanted.initrd is not None:
        yield "initrd", str(plan.wanted.initrd)
    yield "command line", plan.wanted.command_line or "(empty)"
    yield "way", f"{plan.way.value}: {plan.route.reason}" if plan.way and plan.route else "none"
    if plan.load_module:
        yield (
            "module",
            "roundpen"
            + (f" way={plan.module_way}" if plan.module_way else "")
            + (", to be loaded first"),
        )
    if plan.system_call is not None:
        yield "system call", plan.system_call.value
    if plan.tree is not None:
        yield "device tree", plan.tree.source
        for edit in plan.tree.edits:
            yield "", edit
    if plan.needs is not None:
        free = _size(plan.needs.available) if plan.needs.available is not None else "not known"
        yield (
            "memory",
            (
                f"{_size(plan.needs.kernel)} in the kernel until the jump, "
                f"{_size(plan.needs.caller)} more while it loads; available: {free}"
            ),
        )
    yield "promise", _promise(plan)


def _promise(plan: Plan) -> str:
    promise = plan.promise
    parts = (
        f"{promise.cpus} CPUs" if promise.cpus else "",
        promise.level or "",
        f"pen at {promise.pen.split()[0]}" if promise.pen else "",
    )
    return ", ".join(part for part in parts if part) or "nothing that could be compared"


def _map(plan: Plan) -> Iterator[tuple[str, str, str]]:
    inexact = plan.system_call is SystemCall.FILE_LOAD
    rows = [(area.range, area.what) for area in plan.memory]
    rows += [(each.range, f"-> {each.name}{' (about)' if inexact else ''}")
             for each in plan.segments]  # fmt: skip
    ordered = sorted(rows, key=lambda row: (row[0].start, -row[0].end))
    for span, what in ordered[:_MAP_MAX]:
        yield what, _from(span), _to(span)
    if len(ordered) > _MAP_MAX:
        yield f"and {len(ordered) - _MAP_MAX} more (--json)", "", ""


def _from(span: tuple[int, int]) -> str:
    return f"{span[0]:#x}"


def _to(span: tuple[int, int]) -> str:
    return f"{span[1] - 1:#x}"


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{count >> 10} KiB"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> Iterator[str]:
    """Columns under `head`; the first is text, the others numbers."""
    try:
        from rich.table import Table
    except ImportError:
        yield from _columns(head, list(rows))
        return
    from io import StringIO

    from rich import box
    from rich.console import Console
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(head):
        drawn.add_column(name, justify="right" if number else "left", no_wrap=bool(number))
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    out = StringIO()
    Console(file=out, width=width, color_system=None, force_terminal=False).print(drawn)
    yield from (line.rstrip() for line in out.getvalue().splitlines())


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    for row in (head, *rows):
        cells = [
            cell.rjust(size) if at else cell.ljust(size)
            for at, (cell, size) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
