# SPDX-License-Identifier: BSD-2-Clause
"""What is going on, while it goes on: the library's log lines on standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status


class _Handler(logging.Handler):
    """Prints each line; on a terminal the newest one also stands beside a spinner."""

    def __init__(self, console: Console, status: Status | None) -> None:
        super().__init__(logging.INFO)
        self._console = console
        self._status = status

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        text = record.getMessage()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        if self._status is not None:
            self._status.update("working ...")


@contextmanager
def progress() -> Iterator[None]:
    """Show the package's log while the body runs."""
    console = Console(stderr=True)
    logger = logging.getLogger("roundpen")
    status = console.status("working ...") if console.is_terminal else None
    handler = _Handler(console, status)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        if status is None:
            yield
        else:
            with status:
                yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
