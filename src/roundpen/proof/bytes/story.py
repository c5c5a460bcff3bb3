# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample as lines that people read: who did what to which word, and where. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.proof.bytes.binary import Resident
from roundpen.proof.bytes.monitor import PROPERTIES
from roundpen.proof.bytes.node import Kind, Node
from roundpen.proof.bytes.search import Counterexample, Step
from roundpen.proof.bytes.words import Region


def lines(found: Counterexample, area: Region, resident: Resident) -> Iterator[str]:
    """The property, the steps to where it breaks, what breaks, and what goes on for ever."""
    yield f"broken: {found.name} ({PROPERTIES[found.name]})"
    width = len(str(len(found.path)))
    if found.alone:
        yield "one CPU after the other:"
    for number, step in enumerate(found.path, 1):
        if number == found.alone + 1:
            yield "interleaved:"
        yield f"  {number:{width}}  {_line(step, area, resident)}"
    at = f", at {resident.name(found.where)}" if found.where >= 0 else ""
    # A text that begins with the CPU names it; others speak of what the CPU did.
    subject = "" if found.text.startswith("CPU ") else f"CPU {found.cpu}: "
    yield f"  {'':{width}}  => {subject}{found.text}{at}"
    if found.forever:
        yield "from there on, for ever, nothing but:"
        for step in found.forever:
            yield f"  {'':{width}}  {_line(step, area, resident)}"


def _line(step: Step, area: Region, resident: Resident) -> str:
    return f"CPU {step.cpu}  {_what(step, area)}{_where(step.node, resident)}"


def _what(step: Step, area: Region) -> str:
    node = step.node
    text = f" ({node.text})" if node.text and node.kind is not Kind.FAULT else ""
    if node.kind is Kind.LOAD:
        word = area.words[node.word]
        return f"reads {word.name}: {word.show(step.value)}{text}"
    if node.kind is Kind.STORE:
        word = area.words[node.word]
        if step.drained:
            return f"  its {word.name} = {word.show(node.value)} reaches memory"
        return f"writes {word.name} = {word.show(node.value)}{text}"
    if node.kind is Kind.CHOOSE:
        return step.chosen or node.text
    plain = {
        Kind.BARRIER: "barrier",
        Kind.WAIT: "wakes from WFE",
        Kind.SIGNAL: f"SEV{text}",
        Kind.PAUSE: "wakes from WFI",
    }
    said = plain.get(node.kind, node.text)
    return f"{said}, without an event" if step.spurious else said


def _where(node: Node, resident: Resident) -> str:
    where = f"  [{resident.name(node.where)}]" if node.where >= 0 else ""
    return f"{where}  in {node.call.name}" if node.call is not None else where
