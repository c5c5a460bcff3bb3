# SPDX-License-Identifier: BSD-2-Clause
"""Reasons of what the caller gives: who he is, where he is, his files."""

from __future__ import annotations

from collections.abc import Iterator

from roundpen.kexec.known import without
from roundpen.kexec.reasons.reason import Judge, Reason, caller
from roundpen.kexec.situation import Situation
from roundpen.kexec.system import ARM64

COMMAND_LINE_MAX = 2047
"""Characters: COMMAND_LINE_SIZE of arm64 without the NUL (arch/arm64/include/uapi/asm/setup.h)."""


def not_arm64(case: Situation) -> Iterator[Reason]:
    """Another architecture."""
    machine = case.system.machine
    if machine is not None and machine != ARM64:
        yield caller("not-arm64", f"this machine is {machine}, not arm64", "run it on the board")


def in_a_container(case: Situation) -> Iterator[Reason]:
    """A container shows a kernel that is not its own to replace."""
    if case.system.container is not None:
        yield caller(
            "container",
            f"this is a container ({case.system.container}): its kernel is the host's",
            "run it on the host",
        )


def no_permission(case: Situation) -> Iterator[Reason]:
    """Loading needs CAP_SYS_BOOT; a dry run needs nothing."""
    uid = case.system.uid
    if uid not in (0, None) and not case.wanted.dry_run:
        yield caller("permission", f"loading a kernel needs root; this is user {uid}", "use sudo")


# --- what is given -------------------------------------------------------------------------


def unreadable(case: Situation) -> Iterator[Reason]:
    """A file that is missing, damaged or none of its kind."""
    for name, error in case.inputs.troubles.items():
        yield caller(f"{name}-unusable", error.message, error.remedy or "give another file")


def command_line_too_long(case: Situation) -> Iterator[Reason]:
    """The kernel cuts it off, and kexec-tools refuses it."""
    length = len(case.wanted.command_line.encode())
    if length > COMMAND_LINE_MAX:
        found = f"the command line has {length} bytes, at most {COMMAND_LINE_MAX} are read"
        yield caller("command-line-too-long", found, "make it shorter")


def pagesize(case: Situation) -> Iterator[Reason]:
    """Pages that the core can't do: the next kernel stops before its console is up."""
    kernel = case.inputs.kernel
    page = kernel.header.page_size if kernel else None
    for core in without(case.system.cores, page) if page else ():
        yield caller(
            "page-size",
            f"the kernel has pages of {page >> 10 if page else 0} KiB, a {core.name} can't do them",
            "take a kernel with 4 KiB pages",
        )


def bad_next_kernel(case: Situation) -> Iterator[Reason]:
    """known_kernels.toml, of the kernel to go into."""
    for row, certain in case.faults("next"):
        if certain:
            yield caller(f"known-bad-{row.name}", f"the kernel to go into: {row.seen}", row.do)


JUDGES: tuple[Judge, ...] = (
    not_arm64,
    in_a_container,
    no_permission,
    unreadable,
    command_line_too_long,
    pagesize,
    bad_next_kernel,
)
"""All of this module, in the order in which they are said."""
