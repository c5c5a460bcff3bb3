# SPDX-License-Identifier: BSD-2-Clause
"""The running tree with the late pen in it, where kexec-tools looks for the running tree.

The module shows it as /sys/kernel/roundpen/fdt. Mounted over /sys/firmware/fdt it makes `kexec -l`,
kdump-tools and `systemctl kexec` right without an option: each passes on that file. (kexec_file
takes the kernel's own copy, which the module edits.) At boot sys-firmware-fdt.mount does the
same, when it is enabled.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from roundpen.check.files import read_bounded
from roundpen.errors import MachineError, RefusedError
from roundpen.kexec import late, program

TARGET = "/sys/firmware/fdt"
SOURCE = late.TREE
_WITHIN = SOURCE.removeprefix("/sys")
"""What mountinfo calls it: the path within sysfs (Linux, Documentation/filesystems/proc.rst)."""
_SECONDS = 30


class Mounted(Enum):
    """What lies over /sys/firmware/fdt."""

    NOTHING = "nothing"
    OURS = "the running tree with the pen"
    STALE = "the tree of a module that was removed"
    FOREIGN = "another file"


def state(root: Path = Path("/")) -> Mounted:
    """What the uppermost mount over /sys/firmware/fdt is."""
    text = read_bounded(root / "proc/self/mountinfo", 4 << 20).decode("utf-8", "replace")
    over = [fields for line in text.splitlines() if (fields := line.split(" "))[4:5] == [TARGET]]
    if not over:
        return Mounted.NOTHING
    # A number of optional fields ends with "-"; the kind of file system follows.
    within, kind = over[-1][3], over[-1][over[-1].index("-") + 1]
    if kind != "sysfs" or not within.startswith(_WITHIN):
        return Mounted.FOREIGN
    # A file whose name is gone has "//deleted" behind it.
    return Mounted.OURS if within == _WITHIN else Mounted.STALE


def put() -> bool:
    """Mount the tree, if it needs to be; whether it was mounted now. Idempotent.

    Not where the pen was adopted: then the running tree is right as it is. Raises RefusedError
    when something else is mounted there, MachineError when mounting fails.
    """
    if not Path(SOURCE).exists():
        return False
    over = state()
    if over is Mounted.OURS:
        return False
    if over is Mounted.FOREIGN:
        raise RefusedError(
            f"{TARGET}: another file is mounted over it",
            remedy=f"umount {TARGET}, unless somebody needs it: the next kernel would get that "
            "tree",
        )
    if over is Mounted.STALE:
        _call("umount", TARGET)
    _call("mount", "--bind", SOURCE, TARGET)
    return True


def take_away() -> bool:
    """Undo `put`; whether there was something to undo. Idempotent.

    Raises MachineError when it fails.
    """
    if state() not in (Mounted.OURS, Mounted.STALE):
        return False
    _call("umount", TARGET)
    return True


def _call(*words: str) -> None:
    done = program.run(words, seconds=_SECONDS, remedy="install the package mount")
    if done.returncode:
        raise MachineError(f"{' '.join(words)}: {' '.join(done.stderr.split())}")
