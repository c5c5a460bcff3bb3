# SPDX-License-Identifier: BSD-2-Clause
"""SIGTERM and SIGHUP end us as Ctrl-C does: what is open is closed, then the signal does its work.

By default they end a process between two instructions: its temporary folders stay, and a build's
compilers go on.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """One of SIGNALS came. No Exception: nothing but `main` may stop it."""

    def __init__(self, number: int) -> None:
        """`number`: the signal's."""
        super().__init__(number)
        self.signal = number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Raise Ended in the body when one of SIGNALS comes.

    Not where a signal is ignored (nohup), and not beside the main thread, which alone gets any.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.getsignal(one) for one in SIGNALS}
    for one, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(one, _end)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _end(number: int, frame: FrameType | None) -> None:
    # Once is enough, and what tidies up is not to be stopped by a second.
    for one in SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    # A thread that waits for a program of somebody else's would keep us waiting for it.
    for child in children(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGTERM)
    raise Ended(number)


def children(process: int) -> list[int]:
    """All that `process` has started, and what those have started, by Linux's own record."""
    found = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(word) for word in path.read_text().split()]
    return found + [below for child in found for below in children(child)]


def end_by(number: int) -> int:
    """End by the signal itself, so that whoever sent it sees that it did; returns only if blocked.

    systemd, timeout(1) and a shell tell a program that a signal has ended from one that gave up.
    """
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return 128 + number
