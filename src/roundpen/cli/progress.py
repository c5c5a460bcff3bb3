# SPDX-License-Identifier: BSD-2-Clause
"""What is going on, while it goes on: the library's log lines on standard error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class _Handler(logging.Handler):
    """Prints each line, above the spinner where there is one."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        text = record.getMessage()
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress() -> Iterator[None]:
    """Show the package's log while the body runs."""
    console = Console(stderr=True)
    logger = logging.getLogger("roundpen")
    status = console.status("working ...") if console.is_terminal else None
    handler = _Handler(console)
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
