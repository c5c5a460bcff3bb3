# SPDX-License-Identifier: BSD-2-Clause
"""A console as a bounded stream of lines, with the words that mean the end of a kernel. Pure."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator

LINE_MAX = 4096
"""Bytes. A guest that prints without ever ending a line can't fill the host's memory."""

FATAL = re.compile(
    r"Kernel panic|Unable to handle kernel|Internal error:|\bOops\b|\bBUG:|soft lockup"
    r"|rcu: INFO: .*(?:stall|starv)|Guru Meditation|Synchronous External Abort"
    r"|SError Interrupt on CPU"
)
"""No kernel prints these and is still to be trusted. "CPUs are stuck in the kernel" is none of
them: it is how a refused kexec is expected to say so."""

COMPLAINT = re.compile(
    r"WARNING: (?:CPU|possible |suspicious |inconsistent |bad |held |lock |Nested |\w+-safe )"
    r"|trying to register non-static key"
    r"|failed to come online|failed to boot|failed in unknown state"
    r"|psci: .*(?:fail|retry)|may not have shut down cleanly|Torture.*(?:fail|FAIL|!!!)|!!!"
)
"""Not the end, but nothing that a clean run prints."""

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x00")


class Lines:
    """Bytes in pieces of any size -> whole lines, none longer than LINE_MAX."""

    def __init__(self) -> None:
        """Start with nothing pending."""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that `data` completes."""
        self._pending += self._decoder.decode(data)
        *whole, self._pending = self._pending.split("\n")
        for line in whole:
            yield _clean(line)
        while len(self._pending) > LINE_MAX:
            line, self._pending = self._pending[:LINE_MAX], self._pending[LINE_MAX:]
            yield _clean(line)

    def rest(self) -> str:
        """What came after the last line's end."""
        line, self._pending = _clean(self._pending), ""
        return line


def _clean(line: str) -> str:
    return _COLOUR.sub("", line).rstrip("\r")
