# SPDX-License-Identifier: BSD-2-Clause
"""The trees: small edits of a lab machine's own, one for each way to say something otherwise.

Each is a kind of what strangers' trees were seen to hold, or of what a hand that edits one may do.
A name says its kind first. `SAMPLE`: one of each sort of answer, for every change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from roundpen.devicetree import Tree
from tests.trees.machine import PSCI, SPINS, Edit, Session

CPUS = tuple(f"/cpus/cpu@{number}" for number in range(SPINS.cpus))
LAST = CPUS[-1]


@dataclass(frozen=True)
class Case:
    """One tree, and the session that boots it."""

    name: str
    session: Session


CASES: list[Case] = []


def case(
    name: str, *, psci: bool = False, words: str = "", drops: str = ""
) -> Callable[[Edit], Edit]:
    """Enter the decorated edit into the list."""

    def enter(edit: Edit) -> Edit:
        CASES.append(Case(name, Session(PSCI if psci else SPINS, edit, words, drops)))
        return edit

    return enter


# --- small edits ----------------------------------------------------------------------------


def u32(*cells: int) -> bytes:
    """Cells as a property's value."""
    return b"".join(cell.to_bytes(4, "big") for cell in cells)


def strings(*texts: str) -> bytes:
    """A list of strings as a property's value."""
    return b"".join(text.encode() + b"\0" for text in texts)


def setting(paths: tuple[str, ...], name: str, value: bytes | None) -> Edit:
    """Give the nodes this property, or take it from them."""

    def edit(tree: Tree) -> None:
        for path in filter(tree.has, paths):
            if value is None:
                tree.remove_property(path, name)
            else:
                tree.set(path, name, value)

    return edit


def rename(tree: Tree, path: str, name: str) -> str:
    """Another name for a node without children; it moves to the front of its siblings."""
    properties = tree.properties(path)
    tree.remove_node(path)
    new = f"{path.rpartition('/')[0]}/{name}"
    tree.add_node(new)
    for one in reversed(properties):
        tree.set(new, one, properties[one])
    return new


def add_cpu(tree: Tree, name: str, reg: bytes, **properties: bytes) -> None:
    """One more CPU node; it stands before the others."""
    path = f"/cpus/{name}"
    tree.add_node(path)
    tree.set(path, "device_type", strings("cpu"))
    tree.set(path, "reg", reg)
    for key, value in properties.items():
        tree.set(path, key.replace("_", "-"), value)


def add_psci(tree: Tree, path: str, **properties: bytes) -> None:
    """A PSCI node; whatever stood there is gone."""
    tree.remove_node(path)
    tree.add_node(path)
    tree.set(path, "compatible", strings("arm,psci-0.2"))
    tree.set(path, "method", strings("smc"))
    for key, value in properties.items():
        tree.set(path, key, value)


def add(name: str, *edits: Edit, psci: bool = False, words: str = "", drops: str = "") -> None:
    """Enter a tree made by these edits, one after the other."""

    def edit(tree: Tree) -> None:
        for one in edits:
            one(tree)

    case(name, psci=psci, words=words, drops=drops)(edit)


# --- which nodes are CPUs -------------------------------------------------------------------

add("as-it-is")
add("device_type: missing on one", setting((LAST,), "device_type", None))
add("device_type: missing on all", setting(CPUS, "device_type", None))
add("device_type: of another sort", setting((LAST,), "device_type", strings("core")))


@case("name: core@3, device_type cpu")
def _other_name(tree: Tree) -> None:
    rename(tree, LAST, "core@3")


@case("name: core@3, no device_type")
def _no_cpu(tree: Tree) -> None:
    tree.remove_property(rename(tree, LAST, "core@3"), "device_type")


@case("name: core@3, device_type a list with cpu first")
def _type_first(tree: Tree) -> None:
    tree.set(rename(tree, LAST, "core@3"), "device_type", strings("cpu", "core"))


@case("name: core@3, device_type a list with cpu second")
def _type_second(tree: Tree) -> None:
    tree.set(rename(tree, LAST, "core@3"), "device_type", strings("core", "cpu"))


@case("name: cpu@three, no device_type")
def _odd_address(tree: Tree) -> None:
    tree.remove_property(rename(tree, LAST, "cpu@three"), "device_type")


@case("name: CPU@3, no device_type")
def _capitals(tree: Tree) -> None:
    tree.remove_property(rename(tree, LAST, "CPU@3"), "device_type")


@case("name: the boot CPU stands last")
def _boot_last(tree: Tree) -> None:
    for path in CPUS[1:]:
        rename(tree, path, path.rpartition("/")[2])


# --- status ---------------------------------------------------------------------------------

for _text in ("fail", "fail-fused", "failure", "disabled", "", "ok", "fail\0okay", "okay\0fail"):
    _shown = _text.replace("\0", ", ") or "empty"
    add(f"status: {_shown}", setting((LAST,), "status", strings(_text)))
add("status: no bytes", setting((LAST,), "status", b""))
add("status: fail on the boot CPU", setting(CPUS[:1], "status", strings("fail")))
add("status: fail, unterminated", setting((LAST,), "status", b"fail"))

# --- enable-method --------------------------------------------------------------------------

METHOD = "enable-method"
add("method: psci, spin-table", setting(CPUS, METHOD, strings("psci", "spin-table")))
add("method: spin-table, psci", setting(CPUS, METHOD, strings("spin-table", "psci")))
add("method: unterminated", setting(CPUS, METHOD, b"spin-table"))
add("method: missing on one", setting((LAST,), METHOD, None))
add("method: missing on all", setting(CPUS, METHOD, None))
add("method: missing on the boot CPU", setting(CPUS[:1], METHOD, None))
add("method: empty on one", setting((LAST,), METHOD, b""))
add("method: unknown on one", setting((LAST,), METHOD, strings("vendor,spin")))
add("method: unknown on all", setting(CPUS, METHOD, strings("vendor,spin")))
add("method: unknown on the boot CPU", setting(CPUS[:1], METHOD, strings("vendor,spin")))
add("method: psci on one, no PSCI", setting((LAST,), METHOD, strings("psci")))
add("method: psci on all, no PSCI", setting(CPUS, METHOD, strings("psci")))
add("method: psci on the boot CPU only", setting(CPUS[:1], METHOD, strings("psci")))


@case("method: psci on the boot CPU only, node disabled")
def _as_lk2nd(tree: Tree) -> None:
    tree.set(CPUS[0], METHOD, strings("psci"))
    add_psci(tree, "/psci", status=strings("disabled"))


@case("method: only in /cpus")
def _inherited(tree: Tree) -> None:
    setting(CPUS, METHOD, None)(tree)
    tree.set("/cpus", METHOD, strings("spin-table"))


@case("method: in /cpus for one")
def _inherited_by_one(tree: Tree) -> None:
    tree.remove_property(LAST, METHOD)
    tree.set("/cpus", METHOD, strings("spin-table"))


# --- PSCI -----------------------------------------------------------------------------------

FAMILY = strings("arm,psci-1.0", "arm,psci-0.2", "arm,psci")
OLD_IDS = {"cpu_suspend": u32(0x8400_0001), "cpu_off": u32(0x8400_0002), "cpu_on": u32(0x8400_0003)}
"""QEMU takes PSCI 0.2's numbers for these calls whatever the node says."""


def _psci_node(**properties: bytes) -> Edit:
    return lambda tree: add_psci(tree, "/psci", **properties)


def _without(name: str) -> Edit:
    return setting(("/psci",), name, None)


add("psci: as it is", psci=True)
add("psci: three compatibles", _psci_node(compatible=FAMILY), psci=True)
add("psci: 0.1 with cpu_off", _psci_node(compatible=strings("arm,psci"), **OLD_IDS), psci=True)
add(
    "psci: 0.1 without cpu_off",
    _psci_node(compatible=strings("arm,psci"), cpu_on=OLD_IDS["cpu_on"]),
    psci=True,
)
add("psci: 0.1 and no call at all", _psci_node(compatible=strings("arm,psci")), psci=True)
add(
    "psci: 0.1 named before 0.2",
    _psci_node(compatible=strings("arm,psci", "arm,psci-0.2")),
    psci=True,
)
add("psci: method missing", _psci_node(), _without("method"), psci=True)
add("psci: method of another sort", _psci_node(method=strings("svc")), psci=True)
add("psci: method a list", _psci_node(method=strings("smc", "hvc")), psci=True)
add("psci: method unterminated", _psci_node(method=b"smc"), psci=True)
add("psci: disabled", _psci_node(status=strings("disabled")), psci=True)
add("psci: status ok", _psci_node(status=strings("ok")), psci=True)
add("psci: status fail", _psci_node(status=strings("fail")), psci=True)
add("psci: spin-table on all CPUs", setting(CPUS, METHOD, strings("spin-table")),
    setting(CPUS, "cpu-release-addr", bytes(4) + u32(0x7FF0_0000)), psci=True)  # fmt: skip
add("psci: boot CPU spin-table", setting(CPUS[:1], METHOD, strings("spin-table")), psci=True)


@case("psci: disabled first, enabled second", psci=True)
def _second_node(tree: Tree) -> None:
    add_psci(tree, "/psci")
    # What is added comes to stand first.
    add_psci(tree, "/firmware-psci", status=strings("disabled"))


@case("psci: enabled first, disabled second", psci=True)
def _first_node(tree: Tree) -> None:
    add_psci(tree, "/psci", status=strings("disabled"))
    add_psci(tree, "/firmware-psci")


@case("psci: deep in the tree", psci=True)
def _deep(tree: Tree) -> None:
    # QEMU adds a node of its own, and the methods, where there is none called /psci.
    add_psci(tree, "/psci", compatible=strings("nothing"))
    tree.add_node("/firmware")
    add_psci(tree, "/firmware/psci")


@case("psci: promised by a firmware that has none, hvc")
def _nobody(tree: Tree) -> None:
    add_psci(tree, "/psci", method=strings("hvc"))


@case("psci: promised by a firmware that has none, smc")
def _undefined(tree: Tree) -> None:
    add_psci(tree, "/psci")


# --- cells ----------------------------------------------------------------------------------

CELLS = "#address-cells"


def narrow(tree: Tree) -> None:
    """The root's addresses and sizes in one cell each; what can't be said so is gone."""
    for path in tree.children("/"):
        reg = tree.cells(path, "reg")
        if tree.get(path, CELLS) is not None and path not in ("/cpus", "/intc@8000000"):
            tree.remove_node(path)
        elif reg and path != "/cpus":
            tree.set(path, "reg", u32(*reg[1::2]))
    tree.remove_node("/intc@8000000/v2m@8020000")
    for name in (CELLS, "#size-cells"):
        tree.set("/", name, u32(1))
        tree.set("/intc@8000000", name, u32(1))


def wide_ids(*extra: int) -> Edit:
    """`reg` of each CPU with that many cells in front of its number, of these values."""

    def edit(tree: Tree) -> None:
        for number, path in enumerate(CPUS):
            setting((path,), "reg", u32(*extra, number))(tree)

    return edit


add("cells: /cpus has none, root 2, reg of one", setting(("/cpus",), CELLS, None))
add("cells: /cpus has none, root 2, reg of two", setting(("/cpus",), CELLS, None), wide_ids(0))
add("cells: /cpus has none, root 1", narrow, setting(("/cpus",), CELLS, None))
add("cells: root has none", narrow, setting(("/",), CELLS, None),
    setting(("/",), "#size-cells", None))  # fmt: skip
add("cells: neither has any", narrow, setting(("/", "/cpus"), CELLS, None),
    setting(("/",), "#size-cells", None))  # fmt: skip
add("cells: 2", setting(("/cpus",), CELLS, u32(2)), wide_ids(0))
add("cells: 3", setting(("/cpus",), CELLS, u32(3)), wide_ids(0, 0))
add("cells: 0", setting(("/cpus",), CELLS, u32(0)))
add("cells: two bytes", setting(("/cpus",), CELLS, b"\0\1"))
add("cells: two bytes, root 2, reg of two", setting(("/cpus",), CELLS, b"\0\1"), wide_ids(0))
add("cells: eight bytes", setting(("/cpus",), CELLS, u32(1, 7)))

# --- reg ------------------------------------------------------------------------------------


def _regs(*regs: bytes) -> Edit:
    def edit(tree: Tree) -> None:
        for path, reg in zip(CPUS, regs, strict=True):
            setting((path,), "reg", reg)(tree)

    return edit


add("reg: longer, zeros behind", _regs(*(u32(number, 0) for number in range(4))))
add("reg: longer, one of them names the next", _regs(u32(0), u32(1, 2), u32(2), u32(3)))
add("reg: longer by two bytes", _regs(*(u32(number) + b"\0\0" for number in range(4))))
add("reg: two bytes", setting((LAST,), "reg", b"\0\3"))
add("reg: missing", setting((LAST,), "reg", None))
add("reg: missing on the boot CPU", setting(CPUS[:1], "reg", None))
add("reg: bit 31", setting((LAST,), "reg", u32(0x8000_0003)))
add("reg: bit 31 on all", _regs(*(u32(0x8000_0000 | number) for number in range(4))))
add("reg: MT and U bits on one", setting((LAST,), "reg", u32(0x4100_0003)))
add("reg: twice the same", setting((LAST,), "reg", u32(2)))
add("reg: twice the boot CPU's", setting((LAST,), "reg", u32(0)))
add("reg: no node of the boot CPU", setting(CPUS[:1], "reg", u32(7)))


@case("reg: two nodes of one CPU, the first marked as failed")
def _failed_twin(tree: Tree) -> None:
    add_cpu(tree, "cpu@103", u32(3), status=strings("fail"))


@case("reg: a CPU in Aff3")
def _aff3(tree: Tree) -> None:
    tree.set("/cpus", CELLS, u32(2))
    wide_ids(0)(tree)
    tree.set(LAST, "reg", u32(1, 3))
    # So that nobody waits for it.
    tree.remove_property(LAST, "cpu-release-addr")


# --- release addresses ----------------------------------------------------------------------

WORD = "cpu-release-addr"
add("word: missing on one", setting((LAST,), WORD, None))
add("word: missing on all", setting(CPUS, WORD, None))
add("word: zero on one", setting((LAST,), WORD, bytes(8)))
add("word: zero on all", setting(CPUS, WORD, bytes(8)))
add("word: four bytes", setting((LAST,), WORD, u32(0x4018_4118)))
add("word: sixteen bytes", setting((LAST,), WORD, u32(0, 0x4018_4118, 0, 0)))
add("word: twelve bytes", setting((LAST,), WORD, u32(0, 0x4018_4118, 0)))
add("word: misaligned", setting((LAST,), WORD, u32(0, 0x4018_4FEC)))
add("word: where nobody looks", setting((LAST,), WORD, u32(0, 0x4018_4FF8)))
add("word: outside of RAM", setting((LAST,), WORD, u32(0, 0x3F00_0000)))


@case("word: two CPUs' exchanged")
def _exchanged(tree: Tree) -> None:
    first, second = (tree.get(path, WORD) or b"" for path in CPUS[1:3])
    tree.set(CPUS[1], WORD, second)
    tree.set(CPUS[2], WORD, first)


# --- more CPUs than there are, or fewer ------------------------------------------------------

SPIN = {"enable_method": strings("spin-table")}


@case("extra: two CPUs that are not there")
def _absent(tree: Tree) -> None:
    for number in (5, 4):
        add_cpu(tree, f"cpu@{number}", u32(number), cpu_release_addr=u32(0, 0x4018_4FF8), **SPIN)


@case("extra: one that is not there, without a word")
def _absent_mute(tree: Tree) -> None:
    add_cpu(tree, "cpu@4", u32(4), **SPIN)


@case("extra: 140 without a word")
def _crowd(tree: Tree) -> None:
    for number in range(0x100, 0x18C):
        add_cpu(tree, f"cpu@{number:x}", u32(number), **SPIN)


@case("fewer: the boot CPU alone")
def _alone(tree: Tree) -> None:
    for path in CPUS[1:]:
        tree.remove_node(path)


@case("fewer: two of four")
def _two(tree: Tree) -> None:
    for path in CPUS[2:]:
        tree.remove_node(path)


@case("fewer: no /cpus")
def _no_cpus(tree: Tree) -> None:
    tree.remove_node("/cpus")


add("words: nr_cpus=1", words="nr_cpus=1", drops="nr_cpus=1")
add("words: nr_cpus=2", words="nr_cpus=2", drops="nr_cpus=2")
add("words: maxcpus=1", words="maxcpus=1", drops="maxcpus=1")
add("words: nosmp", words="nosmp", drops="nosmp")

SAMPLE = (
    "device_type: missing on one",
    "status: fail-fused",
    "method: psci on the boot CPU only, node disabled",
    "cells: /cpus has none, root 1",
    "reg: longer, zeros behind",
    "word: missing on all",
    "psci: 0.1 without cpu_off",
    "psci: boot CPU spin-table",
)


def find(name: str) -> Case:
    """The tree called `name`."""
    return next(case for case in CASES if case.name == name)
