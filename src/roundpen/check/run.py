# SPDX-License-Identifier: BSD-2-Clause
"""Checks of one tree or of many, two or more at a time; an unreadable one is a result too."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roundpen.check.board import Board
from roundpen.check.files import printable, read_board
from roundpen.check.findings import Finding, Severity, check
from roundpen.check.system import UNKNOWN, System
from roundpen.check.ways import Route, routes
from roundpen.errors import RefusedError, RoundpenError

_WORTH_IT = 512
"""Trees below which starting processes takes longer than checking."""
_PIECE = 16


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of one tree. `board` is None, and `unreadable` says why, when it is none."""

    name: str
    board: Board | None
    findings: tuple[Finding, ...] = ()
    routes: tuple[Route, ...] = ()
    unreadable: str = ""

    @property
    def counting(self) -> int:
        """How many findings count: all but notes."""
        return sum(finding.severity is not Severity.NOTE for finding in self.findings)


def check_board(board: Board, system: System = UNKNOWN) -> Checked:
    """Findings and routes of one board."""
    found = check(board, system)
    return Checked(board.name, board, found, routes(board, system, found))


def check_file(path: Path, system: System = UNKNOWN) -> Checked:
    """As `check_board`; what keeps the file from being read is in the result.

    Raises RefusedError when this machine lacks what would read any.
    """
    try:
        board = read_board(path)
    except RefusedError:
        raise
    except RoundpenError as error:
        return Checked(printable(path), None, unreadable=str(error))
    return check_board(board, system)


def check_files(
    paths: Sequence[Path], system: System = UNKNOWN, processes: int | None = None
) -> Iterator[Checked]:
    """Each file's result, in the order of `paths`.

    `processes`: how many; by default one per CPU of this machine, or none beside this one when
    there are only a few files.
    """
    if processes is None:
        processes = len(os.sched_getaffinity(0)) if len(paths) >= _WORTH_IT else 1
    if processes < 2:
        yield from (check_file(path, system) for path in paths)
        return
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial
    from multiprocessing import get_context

    # Not by fork: the caller may have threads, and a lock that one of them holds stays held in a
    # copy.
    with ProcessPoolExecutor(processes, get_context("forkserver")) as pool:
        with _signals_later():
            found = pool.map(partial(check_file, system=system), paths, chunksize=_PIECE)
        yield from found


@contextmanager
def _signals_later() -> Iterator[None]:
    """Start processes in here, and no signal ends this one before all have started.

    Nobody would tell the others to end. To them none comes at all: Ctrl-C reaches every process
    of a terminal, SIGTERM often every process of a service, and it is for the first to answer.
    What is started here inherits that they are blocked.
    """
    import signal
    from multiprocessing import resource_tracker

    # Now, or it starts with the first process, and that unblocks signals.
    resource_tracker.ensure_running()
    earlier = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)
