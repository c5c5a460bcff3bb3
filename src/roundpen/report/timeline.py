# SPDX-License-Identifier: BSD-2-Clause
"""A counterexample as a picture: SVG, and an HTML page around it. Both need nothing else."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from xml.etree import ElementTree

from roundpen.proof.trail import Step, Timeline

_NUMBERS = 96
"""Width of the column with the lines of the model; all sizes are SVG user units."""
_LANE = 268
_GAP = 14
_TOP = 54
_LETTERS = 33
"""Letters that fit in a lane's box."""
_LEADING = 16
_PADDING = 8
_COLOURS = ("#2f6fb0", "#7a4fa3", "#2c8073", "#a0622d", "#54688c")
_MEMORY = "#6b6b6b"
_VIOLATED = "#b3261e"
_FONT = "system-ui, 'DejaVu Sans', Arial, sans-serif"
_SVG = "http://www.w3.org/2000/svg"


def svg(timeline: Timeline) -> bytes:
    """One column per lane, time downwards, the violated property at the end."""
    rows = [_wrapped(step.text) for step in timeline.steps]
    heights = [len(lines) * _LEADING + 2 * _PADDING for lines in rows]
    banner = textwrap.wrap(f"violated: {timeline.violated}", 40 * len(timeline.lanes))
    body = sum(heights) + _GAP * len(rows) + (_GAP * 2 if timeline.cycle is not None else 0)
    width = _NUMBERS + len(timeline.lanes) * _LANE
    height = _TOP + body + len(banner) * 20 + 40
    root = _canvas(timeline, width, height)
    _lanes(root, timeline, _TOP + body)
    top = _TOP
    for number, (step, lines, tall) in enumerate(zip(timeline.steps, rows, heights, strict=True)):
        if number == timeline.cycle:
            _text(root, "from here on, again and again", _NUMBERS + 6, top + 14, fill=_VIOLATED)
            top += _GAP * 2
        _step(root, timeline, step, lines, top)
        top += tall + _GAP
    _banner(root, banner, width, top)
    # By way of a string: only that has a type of its own, and no XML declaration.
    return ElementTree.tostring(root, encoding="unicode").encode()


def page(timeline: Timeline, title: str, facts: Sequence[tuple[str, str]]) -> bytes:
    """The picture in an HTML page, with `facts` (name, value) above it."""
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>"
        f"body{{font-family:{_FONT};margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c1c1c;"
        "background:#fff;line-height:1.45}h1{font-size:1.35rem}"
        "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}"
        "dt{color:#555}dd{margin:0}.picture{overflow-x:auto;margin-top:1.5rem}</style></head>"
        f"<body><h1>{html.escape(title)}</h1><dl>{rows}</dl>"
        f'<div class="picture">{svg(timeline).decode()}</div></body></html>\n'
    ).encode()


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _LETTERS) or [""]


def _canvas(timeline: Timeline, width: int, height: int) -> ElementTree.Element:
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": _SVG,
            "viewBox": f"0 0 {width} {height}",
            "width": str(width),
            "height": str(height),
            "font-family": _FONT,
            "font-size": "13",
            "role": "img",
        },
    )
    ElementTree.SubElement(root, "title").text = f"{timeline.model}: {timeline.violated}"
    _box(root, 0, 0, width, height, fill="#ffffff")
    return root


def _lanes(root: ElementTree.Element, timeline: Timeline, bottom: int) -> None:
    """Heads and life lines."""
    for lane, name in enumerate(timeline.lanes):
        middle = _NUMBERS + lane * _LANE + _LANE // 2
        ElementTree.SubElement(
            root,
            "line",
            {
                "x1": str(middle),
                "x2": str(middle),
                "y1": str(_TOP - 12),
                "y2": str(bottom),
                "stroke": _colour(timeline, lane),
                "stroke-opacity": "0.35",
                "stroke-width": "2",
            },
        )
        _text(root, name, middle, 26, anchor="middle", fill=_colour(timeline, lane), weight="bold")
    _text(root, f"{timeline.model}.pml", 8, 26, fill="#777777", size=11)


def _step(
    root: ElementTree.Element, timeline: Timeline, step: Step, lines: Sequence[str], top: int
) -> None:
    """One box in its lane, and the line of the model to the left."""
    colour = _colour(timeline, step.lane)
    left = _NUMBERS + step.lane * _LANE + 6
    tall = len(lines) * _LEADING + 2 * _PADDING
    _text(root, str(step.line), 8, top + _PADDING + 12, fill="#777777", size=11)
    ElementTree.SubElement(
        root,
        "line",
        {
            "x1": "44",
            "x2": str(left),
            "y1": str(top + _PADDING + 8),
            "y2": str(top + _PADDING + 8),
            "stroke": "#e3e3e3",
        },
    )
    _box(root, left, top, _LANE - 12, tall, fill="#ffffff", radius=5)
    _box(root, left, top, _LANE - 12, tall, fill=colour, opacity=0.12, stroke=colour, radius=5)
    for number, line in enumerate(lines):
        _text(root, line, left + 9, top + _PADDING + 12 + number * _LEADING)


def _banner(root: ElementTree.Element, lines: Sequence[str], width: int, top: int) -> None:
    _box(
        root,
        _NUMBERS + 6,
        top,
        width - _NUMBERS - 12,
        len(lines) * 20 + 16,
        fill=_VIOLATED,
        radius=5,
    )
    for number, line in enumerate(lines):
        _text(
            root,
            line,
            _NUMBERS + 18,
            top + 22 + number * 20,
            fill="#ffffff",
            size=14,
            weight="bold",
        )


def _colour(timeline: Timeline, lane: int) -> str:
    return _MEMORY if timeline.lanes[lane] == "memory" else _COLOURS[lane % len(_COLOURS)]


def _box(
    root: ElementTree.Element,
    left: int,
    top: int,
    width: int,
    height: int,
    *,
    fill: str,
    opacity: float = 1,
    stroke: str = "none",
    radius: int = 0,
) -> None:
    ElementTree.SubElement(
        root,
        "rect",
        {
            "x": str(left),
            "y": str(top),
            "width": str(width),
            "height": str(height),
            "rx": str(radius),
            "fill": fill,
            "fill-opacity": str(opacity),
            "stroke": stroke,
        },
    )


def _text(
    root: ElementTree.Element,
    words: str,
    left: int,
    base: int,
    *,
    fill: str = "#1c1c1c",
    size: int = 13,
    anchor: str = "start",
    weight: str = "normal",
) -> None:
    ElementTree.SubElement(
        root,
        "text",
        {
            "x": str(left),
            "y": str(base),
            "fill": fill,
            "font-size": str(size),
            "text-anchor": anchor,
            "font-weight": weight,
        },
    ).text = words
