# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's log, from now on or from the start: its reasons stand nowhere else.

modprobe, kexec-tools and the files of sysfs pass on an errno; why stands in /dev/kmsg.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

_RECORD_MAX = 8192
"""Bytes that a read must offer (Linux, Documentation/ABI/testing/dev-kmsg)."""
_MAX = 8 << 20
"""Bytes that are read at one time; no kernel's log has more."""


class KernelLog:
    """The records after this object was made, or all; none where the log can't be read.

    Without CONFIG_PRINTK, or for others than root (dmesg_restrict), there is no such file to
    read: then `lines` is empty, and whoever asks says less.
    """

    def __init__(self, root: Path = Path("/"), *, since_boot: bool = False) -> None:
        """Below `root`, which is / unless a test has a copy of one."""
        self._descriptor: int | None = None
        try:
            self._descriptor = os.open(
                root / "dev/kmsg", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
            )
            os.lseek(self._descriptor, 0, os.SEEK_SET if since_boot else os.SEEK_END)
        except OSError:
            self.close()

    def __enter__(self) -> KernelLog:
        """Close at the end of the body."""
        return self

    def __exit__(self, *unused: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Read no more."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def lines(self) -> list[str]:
        """The messages since the last call, without what a terminal would act upon."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        left = _MAX
        while left > 0 and self._descriptor is not None:
            try:
                record = os.read(self._descriptor, _RECORD_MAX)
            except OSError as error:
                # EPIPE: records were overwritten before they were read; the rest follows.
                if error.errno == errno.EPIPE:
                    left -= 1
                    continue
                return
            if not record:
                return
            left -= len(record)
            for line in record.decode("utf-8", "replace").splitlines():
                prefix, separator, text = line.partition(";")
                # Lines with a space in front are the record's dictionary.
                if separator and not prefix.startswith(" "):
                    yield "".join(sign for sign in text if sign.isprintable())
