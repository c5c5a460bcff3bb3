# SPDX-License-Identifier: BSD-2-Clause
"""The documents say what the source says: constants, reasons, messages, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from roundpen.cli.exits import Exit
from roundpen.contract import layout
from roundpen.contract.layout import CpuState, Field, Offer, Refusal
from roundpen.image import containers

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
SOURCE = ROOT / "src" / "roundpen"
DOCUMENTS = sorted([README, ROOT / "kernel" / "README.md", *DOCS.rglob("*.md")])

MESSAGE_SOURCES = [
    *(path for path in sorted(SOURCE.rglob("*.py")) if "lab" not in path.relative_to(SOURCE).parts),
    ROOT / "pen" / "build.py",
]
"""Where messages come from. Not the lab's: they quote what a machine of ours said, and what there
is to do about it depends on that."""
_RAISERS = {"UserError", "MachineError", "RefusedError"}
_SHORTEST = 8
"""Letters of a fixed piece of a message below which finding it would prove nothing."""


def table(document: Path, name: str) -> list[list[str]]:
    """The rows, without the head, of the table behind `<!-- table: NAME -->`."""
    text = document.read_text(encoding="utf-8")
    marker = f"<!-- table: {name} -->\n"
    assert text.count(marker) == 1, f"{document.name}: marker {name}"
    rows = []
    for line in text.split(marker)[1].splitlines():
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
        rows.append([cell.strip() for cell in cells])
    assert len(rows) > 2, f"{document.name}: table {name} is empty"
    assert {len(row) for row in rows} == {len(rows[0])}, f"{document.name}: table {name}"
    assert all(cell for row in rows[2:] for cell in row), f"{document.name}: a cell of {name}"
    return rows[2:]


def columns(rows: list[list[str]], *which: int) -> list[tuple[str, ...]]:
    return [tuple(row[column] for column in which) for row in rows]


def test_memory_map() -> None:
    spans = [
        (layout.RESIDENT_OFFSET, layout.RESIDENT_MAX),
        (layout.LOGBOOK_OFFSET, layout.LOGBOOK_SIZE),
        (layout.INDEX_OFFSET, layout.INDEX_ENTRIES),
        (layout.SLOT_OFFSET, layout.SLOT_SIZE * layout.SLOT_MAX),
        (layout.STACK_OFFSET, layout.STACK_SIZE * layout.SLOT_MAX),
    ]
    rows = table(DOCS / "architecture.md", "memory-map")
    assert columns(rows, 0, 1) == [(hex(at), hex(at + size)) for at, size in spans]
    text = "\n".join(row[2] for row in rows)
    assert f"{layout.INDEX_ENTRIES} entries" in text
    assert f"{layout.SLOT_MAX} of {layout.SLOT_SIZE:#x} bytes" in text
    assert f"{layout.SLOT_MAX} of {layout.STACK_SIZE:#x} bytes" in text
    assert layout.RESERVED_SIZE == layout.RESERVED_ALIGN == 64 << 10, "the text says 64 KiB"


@pytest.mark.parametrize(
    ("name", "fields"), [("logbook-fields", layout.LOGBOOK), ("slot-fields", layout.SLOT)]
)
def test_fields(name: str, fields: tuple[Field, ...]) -> None:
    rows = table(DOCS / "formats.md", name)
    expected = [(hex(f.offset), str(f.size), str(f.count), f.name) for f in fields]
    assert columns(rows, 0, 1, 2, 3) == expected


def test_descriptor() -> None:
    rows = table(DOCS / "formats.md", "descriptor-fields")
    expected = [(hex(f.offset), str(f.size), f.name) for f in layout.DESCRIPTOR]
    assert columns(rows, 0, 1, 2) == expected
    assert rows[1][3] == str(layout.DESCRIPTOR_VERSION)


def test_states_and_offers() -> None:
    states = table(DOCS / "formats.md", "cpu-states")
    assert columns(states, 0, 1) == [(str(state.value), state.name) for state in CpuState]
    offers = table(DOCS / "formats.md", "offers")
    assert columns(offers, 0, 1) == [(str(offer.value), offer.name) for offer in Offer]


@pytest.mark.parametrize(
    "text",
    [
        layout.COMPATIBLE,
        f"/reserved-memory/{layout.NODE_NAME}@",
        layout.CHOSEN_OFFER,
        layout.CHOSEN_REFUSED,
        layout.DESCRIPTOR_MAGIC.decode(),
        layout.LOGBOOK_MAGIC.decode(),
        f"Header, version {layout.LOGBOOK_VERSION}\n",
        f"Descriptor, version {layout.DESCRIPTOR_VERSION}\n",
        f"At offset {layout.LOGBOOK_OFFSET:#x} of the region",
        f"at offset {layout.SLOT_OFFSET:#x}, {layout.SLOT_SIZE:#x} bytes each",
        f"| {layout.DESCRIPTOR_OFFSET:#x} | descriptor",
        f"| {layout.DESCRIPTOR_OFFSET + layout.DESCRIPTOR_SIZE:#x} | the pen",
    ],
)
def test_formats_name_the_constants(text: str) -> None:
    assert text in (DOCS / "formats.md").read_text(encoding="utf-8")


def pen(file: str) -> str:
    return (ROOT / "pen" / file).read_text(encoding="utf-8")


def test_the_modules_files_are_described() -> None:
    source = (ROOT / "module" / "sysfs.c").read_text(encoding="utf-8")
    names = [name for name, _ in re.findall(r"^SHOW\((\w+), (.*)\);$", source, re.M)]
    own = [name for name in names if name not in ("mpidr", "release_word", "state")]
    cpus = ["cpuN/mpidr", "cpuN/release_word", "cpuN/state", "cpuN/node"]
    binary = re.findall(r'\.attr = \{ \.name = "(\w+)"', source)
    rows = table(DOCS / "formats.md", "sysfs")
    assert [row[0].strip("`") for row in rows] == [*own, *cpus, *binary]
    states = re.findall(r'return "([a-z ]+)";', source)
    (told,) = (row[1] for row in rows if row[0] == "`cpuN/state`")
    assert set(re.findall(r"`([^`]+)`", told)) == set(states)


def test_psci_calls_are_the_pens() -> None:
    rows = table(DOCS / "formats.md", "psci-calls")
    documented = {name: width for names, width, _ in rows for name in names.split(", ")}
    source = pen("resident/psci.c")
    (wide,) = re.findall(r"#define BOTH_WIDTHS \((.*)\)", source)
    (narrow,) = re.findall(r"#define NARROW\s[\s\\]*\((.*?)\)$", source, re.S | re.M)
    both, one = (set(re.findall(r"1u << (\w+)", text)) for text in (wide, narrow))
    assert {name for name, width in documented.items() if width == "32, 64"} == both
    smccc = set(re.findall(r"#define (SMCCC_\w+) ", source))
    assert set(documented) == both | one | smccc


def test_means_of_the_board_are_the_pens() -> None:
    (remark,) = [row[2] for row in table(DOCS / "formats.md", "psci-calls") if "RESET" in row[0]]
    known = set(re.findall(r'"compatible", "([^"]+)"', pen("boot/means.c")))
    assert known
    assert set(re.findall(r"`([a-z0-9,-]+)`", remark)) == known


def test_the_tree_is_described_as_the_pen_writes_it() -> None:
    text = (DOCS / "formats.md").read_text(encoding="utf-8")
    (written,) = re.findall(r'compatible\[\] = "(arm,psci.*)";', pen("boot/rewrite.c"))
    compatible = ", ".join(f'"{name}"' for name in written.split(r"\0"))
    assert f'`compatible = {compatible}`, `method = "hvc"`' in text
    assert f"the region + {layout.RESIDENT_RETURN:#x}" in text


def test_every_refusal_has_cause_and_cure() -> None:
    rows = table(DOCS / "messages.md", "refusals")
    expected = [
        (str(reason.value), reason.name, layout.REFUSAL_TEXT[reason])
        for reason in Refusal
        if reason is not Refusal.NONE
    ]
    assert columns(rows, 0, 1, 2) == expected


def test_exit_statuses() -> None:
    rows = table(DOCS / "messages.md", "exit-statuses")
    said = [
        (int(at), name)
        for row in rows
        for at, name in zip(*(cell.split(", ") for cell in row[:2]), strict=True)
    ]
    assert said == [(one.value, one.name) for one in Exit]


def test_every_package_is_in_the_module_map() -> None:
    packages = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
    rows = table(DOCS / "architecture.md", "packages")
    assert [row[0] for row in rows] == packages


def test_the_readme_names_what_wrap_unpacks() -> None:
    assert f"compressed with {containers.KNOWN}" in plain(README.read_text(encoding="utf-8"))


def modules() -> set[str]:
    """The modules of the package that are in no folder."""
    return {path.stem for path in SOURCE.glob("*.py") if not path.stem.startswith("__")}


def layers() -> list[list[str]]:
    """The lines of the drawing of dependencies, from the top."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- layers -->\n```\n(.*?)```", text, re.S)
    return [line.split(", ") for line in block.splitlines()]


def imported(path: Path) -> set[str]:
    """The packages and modules of ours that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("roundpen.")}
    return found


def test_dependencies_point_downwards() -> None:
    level = {name: number for number, line in enumerate(layers()) for name in line}
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert set(level) == packages | modules()
    for path in sorted(SOURCE.rglob("*.py")):
        own = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        for name in imported(path) & set(level) if own in level else ():
            assert level[name] >= level[own], f"{path.relative_to(ROOT)} imports {name}, above it"


def test_every_module_beside_the_packages_is_named() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (beside,) = re.findall(r"^Beside them: (.*?)\.$", text, re.M | re.S)
    assert set(re.findall(r"`(\w+)`", beside)) == modules()


def test_every_document_is_in_the_readme() -> None:
    linked = set(re.findall(r"\]\((docs/[\w/.-]+\.md)", README.read_text(encoding="utf-8")))
    assert linked == {str(path.relative_to(ROOT)) for path in DOCS.rglob("*.md")}


def test_every_folder_of_tests_is_in_the_table() -> None:
    folders = {f"`tests/{path.parent.name}`" for path in (ROOT / "tests").glob("*/*.py")}
    assert {row[0] for row in table(DOCS / "architecture.md", "test-folders")} == folders


def plain(text: str) -> str:
    """What remains when quoting and line ends don't count."""
    return " ".join(text.replace("`", "").split())


def pieces(node: ast.expr) -> Iterator[str]:
    """The fixed pieces of a message: what stands between the values that are put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from pieces(value)
    elif isinstance(node, ast.IfExp):
        yield from pieces(node.body)
        yield from pieces(node.orelse)


@dataclass(frozen=True)
class Message:
    """One that a source file raises: its line, its fixed pieces, those of its remedy, if any."""

    line: int
    words: list[str]
    remedy: list[str] | None


def messages(path: Path) -> Iterator[Message]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        if node.func.id not in _RAISERS:
            continue
        remedies = [word.value for word in node.keywords if word.arg == "remedy"]
        yield Message(
            node.lineno,
            [piece for argument in node.args for piece in pieces(argument)],
            [piece for remedy in remedies for piece in pieces(remedy)] if remedies else None,
        )


def undocumented(found: Iterable[str]) -> list[str]:
    text = plain((DOCS / "messages.md").read_text(encoding="utf-8"))
    missing = []
    for piece in found:
        # Numbers are "N" there: what precedes and follows one is looked for by itself.
        words = plain(piece).strip(" .,;:()")
        if len(words) >= _SHORTEST and words not in text:
            missing.append(piece)
    return missing


@pytest.mark.parametrize("path", MESSAGE_SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_message_has_a_remedy_or_a_row(path: Path) -> None:
    lines = [
        f"line {message.line}: {piece!r}"
        for message in messages(path)
        for piece in undocumented(message.words if message.remedy is None else [])
    ]
    assert not lines, f"no remedy=, and not in docs/messages.md: {'; '.join(lines)}"


def test_there_are_messages_of_both_kinds() -> None:
    found = [message.remedy is None for path in MESSAGE_SOURCES for message in messages(path)]
    assert found.count(False) > 50
    assert found.count(True) > 20


_LONG = 24
"""Letters of a remedy that nobody writes twice by chance."""


def test_the_document_repeats_no_remedy() -> None:
    text = plain((DOCS / "messages.md").read_text(encoding="utf-8"))
    for path in MESSAGE_SOURCES:
        for message in messages(path):
            for piece in map(plain, message.remedy or []):
                assert len(piece) < _LONG or piece not in text, (
                    f"{path.relative_to(ROOT)}, line {message.line}: says {piece!r} itself"
                )


def test_every_foreign_format_has_a_remedy() -> None:
    for row in containers.CONTAINERS:
        assert row.name
        assert bool(row.cure) == (row.open is None), row.name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_resolve(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https://)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        assert other.is_file(), f"{path.name}: {target}"
        if anchor:
            assert anchor in anchors(other), f"{path.name}: {target}"


def anchors(path: Path) -> set[str]:
    """The anchors that a forge makes from a document's headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:pen|src|tests|scripts)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), f"{path.name}: {name}"
