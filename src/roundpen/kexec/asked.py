# SPDX-License-Identifier: BSD-2-Clause
"""From what the user gave to what is wanted: what he left out comes from this system's loader."""

from __future__ import annotations

from pathlib import Path

from roundpen.check import sysfs
from roundpen.errors import RoundpenError, UserError
from roundpen.kexec import choice, words
from roundpen.kexec.entry import Entry
from roundpen.kexec.wanted import Wanted, Way


def wanted(
    *,
    kernel: Path | None,
    initrd: Path | None,
    command_line: str | None,
    reuse: bool,
    dtb: Path | None,
    way: Way | None,
    load_only: bool,
    dry_run: bool,
    root: Path = Path("/"),
) -> Wanted:
    """What to go into. None and False: not given.

    Without `kernel` it is the entry that this system would boot next. A `kernel` that is an
    entry's brings what that entry has; any other is started with the running command line.
    Raises UserError when what would be booted can't be told.
    """
    if kernel is None:
        entry: Entry | None = choice.default(choice.look(root))
    else:
        entry = _entry_of(kernel, root)
    if command_line is None:
        own = entry.command_line if entry is not None and not reuse else None
        command_line = running(root) if own is None else own
    chosen = kernel if kernel is not None else entry.kernel if entry else None
    if chosen is None:
        raise UserError("no kernel", remedy="give KERNEL")
    return Wanted(
        kernel=chosen,
        initrd=initrd or (entry.initrd if entry else None),
        command_line=command_line,
        dtb=dtb or (entry.dtb if entry else None),
        way=way,
        load_only=load_only,
        dry_run=dry_run,
    )


def running(root: Path = Path("/")) -> str:
    """The running kernel's command line, without what is true of it alone.

    Raises UserError when it can't be read.
    """
    text = sysfs.text(root / "proc/cmdline")
    if text is None:
        raise UserError("/proc/cmdline: cannot be read", remedy="give --command-line")
    return words.for_another(text)


def _entry_of(kernel: Path, root: Path) -> Entry | None:
    """The entry that starts this very file. A loader's file that can't be read has none."""
    try:
        entries = choice.find(root)
    except RoundpenError:
        return None
    for entry in entries:
        try:
            if entry.kernel.samefile(kernel):
                return entry
        except OSError:
            continue
    return None
