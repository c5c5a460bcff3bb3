# SPDX-License-Identifier: BSD-2-Clause
"""Never worse than without: the same tree, booted plain and wrapped. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from tests.trees.answer import LOADED, Answer, Kernel

PROMISED_LEVEL = {"psci": "EL1"}
"""Under this offer the kernel runs at this level; that is its price, and it is said (README)."""


def worse(plain: Answer, wrapped: Answer) -> list[str]:
    """In what a user of the wrapped kernel is worse off; nothing where that is nothing.

    A plain kernel that does not come up can't be made worse.
    """
    if not plain.first.reached:
        return []
    if not wrapped.first.reached:
        return [f"does not come up: {wrapped.first.died or 'silence'}"]
    return [*_kernel(plain.first, wrapped.first), *_kexec(plain, wrapped)]


def _kernel(plain: Kernel, wrapped: Kernel) -> Iterator[str]:
    if wrapped.died and not plain.died:
        yield f"dies: {wrapped.died}"
    for what in ("online", "worked", "still"):
        lost: frozenset[int] = getattr(plain, what) - getattr(wrapped, what)
        if lost:
            yield f"{_named(lost)} lost ({what})"
    level = PROMISED_LEVEL.get(wrapped.offer, plain.level)
    if wrapped.level != level:
        yield f"entered at {wrapped.level or 'no level'}, expected {level}"
    for cpu, tried in plain.tried.items():
        mpidr = plain.numbers.get(cpu)
        again = next((n for n, m in wrapped.numbers.items() if m == mpidr), None)
        if tried.done and (again is None or not _done(wrapped, again)):
            yield f"CPU {cpu} can't be unplugged any more"
    new = [line for line in wrapped.complaints if _subject(line) not in
           {_subject(old) for old in plain.complaints}]  # fmt: skip
    yield from (f"complains: {line}" for line in new)


def _done(kernel: Kernel, cpu: int) -> bool:
    return cpu in kernel.tried and kernel.tried[cpu].done


def _kexec(plain: Answer, wrapped: Answer) -> Iterator[str]:
    if wrapped.jumped and not wrapped.arrived and not (plain.jumped and not plain.arrived):
        why = wrapped.second.died or "silence"
        yield f"kexec was accepted, and its jump ends in: {why}"
    if not (plain.jumped and plain.arrived):
        return  # nothing that works could be lost: a refusal, or a jump that fails
    if not wrapped.accepted:
        refusals = ", ".join(sorted({text for text in wrapped.asked.values() if text != LOADED}))
        yield f"kexec is refused: {refusals or 'never asked'}"
    elif wrapped.arrived:
        lost = plain.second.worked - wrapped.second.worked
        if lost:
            yield f"{_named(lost)} lost behind kexec"


def _named(cpus: frozenset[int]) -> str:
    return "CPUs " + ", ".join(f"{cpu:#x}" for cpu in sorted(cpus))


def _subject(line: str) -> str:
    """A complaint without its time and its numbers: what it is about."""
    text = line.partition("] ")[2] or line
    return "".join(sign for sign in text if not sign.isdigit())
