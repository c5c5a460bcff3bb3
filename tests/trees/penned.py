# SPDX-License-Identifier: BSD-2-Clause
"""The pen's own reading of a tree, run on this host, held against `check` and against the boots."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.contract.layout import REFUSAL_TEXT, Refusal
from tests.trees.answer import Answer
from tests.trees.says import BOOT_ID
from tests.unit import pen_survey


def differences(tree: bytes, plain: Answer, wrapped: Answer) -> Iterator[str]:
    """Where the pen's survey is not what `check` foretells, what Linux has, or what the pen did."""
    pen, (foretold, _) = pen_survey.pen(tree, BOOT_ID), pen_survey.checked(tree, BOOT_ID)
    if pen != foretold:
        yield f"the pen's survey: {pen}, check foretells {foretold}"
    yield from judged(pen, plain, wrapped)


def judged(pen: pen_survey.Answer, plain: Answer, wrapped: Answer) -> Iterator[str]:
    """The survey's answer against both boots. Pure."""
    if pen.refusal is not Refusal.NONE:
        text = REFUSAL_TEXT[pen.refusal]
        if wrapped.first.reached and wrapped.first.refused != text:
            did = wrapped.first.offer or wrapped.first.refused or "nothing"
            yield f"the pen's survey refuses ({text}), the pen in front of Linux: {did}"
        return
    known = {cpu.id for cpu in pen.cpus if not cpu.out_of_use}
    strange = plain.first.online - known
    if strange:
        yield f"Linux has CPUs {sorted(strange)} that the pen does not know"
