# SPDX-License-Identifier: BSD-2-Clause
"""The two families of errors, split by who can do something about them.

Every message is one sentence or two that name the object, what was found, what was
expected and what to do. Library code raises these and never exits; `roundpen.cli.main`
turns them into one line and an exit status (`roundpen.cli.exits`).
"""

from __future__ import annotations


class RoundpenError(Exception):
    """What both families share: a message, and optionally the cure.

    Raise one of the two families below, never this class.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        """`message`: object, actual and expected. `remedy`: what the reader can do now."""
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        """The message and its cure, in one line."""
        text = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return " ".join(text.split())


class UserError(RoundpenError):
    """The caller's mistake: another input or another option would have worked."""


class MachineError(RoundpenError):
    """The machine's failure: disk, network, a tool that broke, a guest that died."""


class RefusedError(MachineError):
    """This machine or its kernel won't: something is not installed, not there or not permitted.

    Told from a failure, because it is seen before anything was begun: there is nothing to undo
    and nothing to look for, only something to install or to allow.
    """


def reason_of(error: OSError) -> str:
    """The operating system's words for `error`, without the path that the caller names anyway."""
    return error.strerror or str(error) or type(error).__name__
