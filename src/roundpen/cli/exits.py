# SPDX-License-Identifier: BSD-2-Clause
"""The exit statuses, with one meaning each in every verb (docs/messages.md, "Exit status")."""

from __future__ import annotations

from enum import IntEnum

from roundpen.errors import RefusedError, RoundpenError, UserError


class Exit(IntEnum):
    """How a command line ended."""

    DONE = 0
    """Done, or looked at and clean."""
    FOUND = 1
    """Findings, a verdict other than "passed"; or begun and failed: disk, network, a tool."""
    UNUSABLE = 2
    """The command line, or a file that it names, can't be used. argparse ends with 2 as well."""
    REFUSED = 3
    """This machine or its kernel won't; nothing was begun."""
    HUNG_UP = 129
    """SIGHUP: 128 + the signal's number, as a shell says it of a program that a signal ended."""
    INTERRUPTED = 130
    """SIGINT, Ctrl-C."""
    TERMINATED = 143
    """SIGTERM."""


def of_error(error: RoundpenError) -> Exit:
    """The status that says what `error` says."""
    if isinstance(error, UserError):
        return Exit.UNUSABLE
    return Exit.REFUSED if isinstance(error, RefusedError) else Exit.FOUND
