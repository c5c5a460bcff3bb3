# SPDX-License-Identifier: BSD-2-Clause
"""Which device tree the next kernel gets.

With kexec_load whoever loads gives one: the running tree, with the pen in it, or another that is
merged with it (`merge`). With kexec_file_load the kernel makes it, from its own; the module puts
the pen in.

kexec-tools fills in the command line, the initrd, and a seed for KASLR where the tree has one
that is 0 (a tree without one leaves the next kernel where it is linked; with another value it
refuses). A seed for the random number generator it does not know: that is `seeded`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from roundpen.check.board import Range
from roundpen.check.survey import survey
from roundpen.contract import layout
from roundpen.devicetree import Outline, Tree
from roundpen.errors import RoundpenError, UserError
from roundpen.kexec.late import TREE, Late
from roundpen.kexec.merge import merge
from roundpen.kexec.system import System
from roundpen.kexec.wanted import SystemCall

RUNNING = "/sys/firmware/fdt"
WITH_PEN = TREE
RNG_SEED = 128
"""Bytes: as many as the kernel itself gives (drivers/of/kexec.c, RNG_SEED_SIZE)."""
_KASLR_SEED = 8
_OF_ANOTHER_START = ("linux,elfcorehdr", "linux,usable-memory-range", "linux,booted-from-kexec")


@dataclass(frozen=True, slots=True)
class NextTree:
    """The tree, without the command line, initrd and seeds that whoever loads fills in.

    `source`: where it comes from, in words.
    """

    source: str
    data: bytes | None = field(default=None, repr=False)
    """None where it can't be known: without root, or before the module is loaded."""
    own_file: bool = False
    """Does whoever loads have to give it (`--dtb`), with `seeded`? Otherwise the kernel takes its
    own."""
    edits: tuple[str, ...] = ()
    """What was taken over or changed, a line each."""
    wrong: str = ""
    """What is wrong with it; "" when nothing is known to be."""


def next_tree(
    system: System, call: SystemCall, late: bool, given: tuple[str, bytes] | None
) -> NextTree:
    """The tree for the next kernel. `late`: by the module's pen; `given`: another, by name.

    Raises UserError when the given one can't be used.
    """
    pending = late and system.late is None
    if call is SystemCall.FILE_LOAD:
        if given is not None:
            raise UserError(
                f"{given[0]}: kexec_file_load takes no device tree: the kernel gives its own",
                remedy="leave --dtb out, or use a kernel with CONFIG_KEXEC",
            )
        edits = ("the module puts the pen in",) if late else ()
        return NextTree("the running kernel's own", system.tree, edits=edits)
    source = WITH_PEN if late and (pending or system.late_tree is not None) else RUNNING
    data = system.late_tree if source == WITH_PEN else system.tree
    if data is None:
        return _unknown(source, pending, given)
    taken: tuple[str, ...] = ()
    if given is not None:
        data, taken = merge(given[1], data, given[0])
        source = f"{given[0]}, with what {source} says of this board"
    return _finished(source, data, taken, system.late if late else None)


def _unknown(source: str, pending: bool, given: tuple[str, bytes] | None) -> NextTree:
    """What can be said all the same: a given tree has to be one."""
    if given is not None:
        Outline(given[1], given[0])
    why = "when the module is loaded" if pending else "as root"
    named = f"{given[0]}, with what {source} says of this board" if given else source
    return NextTree(f"{named} ({why})", own_file=True)


def _finished(source: str, data: bytes, taken: tuple[str, ...], late: Late | None) -> NextTree:
    tree = _with_chosen(data, source)
    edits = list(taken)
    for name in _OF_ANOTHER_START:
        if tree.get("/chosen", name) is not None:
            tree.remove_property("/chosen", name)
            edits.append(f"/chosen: without {name}")
    tree.set("/chosen", "kaslr-seed", bytes(_KASLR_SEED))
    tree.remove_property("/chosen", "rng-seed")
    edits.append("/chosen: fresh seeds")
    whole = tree.to_bytes()
    return NextTree(source, whole, True, tuple(edits), _wrong(whole, late))


def _with_chosen(data: bytes, name: str) -> Tree:
    tree = Tree(data, name)
    if not tree.has("/chosen"):
        tree.add_node("/chosen")
    return tree


def _wrong(data: bytes, late: Late | None) -> str:
    """What would make the next kernel overwrite the pen, or not find it.

    The module looks again, and closer, before it lets the load pass.
    """
    if len(data) > layout.TREE_MAX:
        return f"{len(data):,} bytes; at most {layout.TREE_MAX:,} can be booted"
    try:
        board = survey(Outline(data, "the next kernel's tree"))
    except RoundpenError as error:
        return error.message
    if late is None:
        return ""
    region = Range(late.base, late.base + late.size)
    if board.reservations_ignored or not board.kept(region, no_map=True):
        return f"the pen's memory at {region} is not reserved with no-map"
    words = {cpu.hwid: cpu for cpu in board.cpus}
    for cpu in late.cpus:
        found = words.get(cpu.mpidr)
        if found is None or (found.word, found.spins) != (cpu.release_word, True):
            return f"CPU {cpu.mpidr:#x} does not have the pen's release word"
    return ""


def seeded(data: bytes, entropy: bytes) -> bytes:
    """The tree with RNG_SEED bytes of `entropy` for the next kernel's random numbers.

    As kexec-tools wants it: the seed for KASLR stays 0, kexec-tools fills that in by itself.
    Raises UserError when `data` is no tree.
    """
    if len(entropy) != RNG_SEED:
        raise ValueError(f"{len(entropy)} bytes of entropy, expected {RNG_SEED}")
    tree = Tree(data, "the next kernel's tree")
    tree.set("/chosen", "rng-seed", entropy)
    return tree.to_bytes()


def final_size(data: bytes, command_line: str) -> int:
    """Bytes of the tree as it is loaded: with seeds, command line and initrd."""
    tree = _with_chosen(data, "the next kernel's tree")
    tree.set("/chosen", "rng-seed", bytes(RNG_SEED))
    tree.set_text("/chosen", "bootargs", command_line)
    for name in ("linux,initrd-start", "linux,initrd-end"):
        tree.set_u64("/chosen", name, 0)
    return len(tree.to_bytes())
