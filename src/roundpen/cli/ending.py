# SPDX-License-Identifier: BSD-2-Clause
"""SIGTERM and SIGHUP end us as Ctrl-C does: from within, through all that is open.

By default they end a process between two instructions, and its temporary folders stay.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """One of SIGNALS came. No Exception: nothing but `main` may stop it."""

    def __init__(self, number: int) -> None:
        """`number`: the signal's."""
        super().__init__(number)
        self.signal = signal.Signals(number)


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
    raise Ended(number)
