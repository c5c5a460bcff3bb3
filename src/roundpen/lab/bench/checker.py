# SPDX-License-Identifier: BSD-2-Clause
"""What a check costs, beside dtc and dt-validate on the same trees in the same run.

All of it is on the clock of a host that may be busy: what is compared is run in turns, and
what counts is the median of the ratios, or the best of several, which a busy host spoils least.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from roundpen import __version__
from roundpen.check import check_file
from roundpen.errors import MachineError, RefusedError, reason_of
from roundpen.kernel import debian
from roundpen.lab.bench.figures import Figure
from roundpen.lab.bench.measure import Report, cpu_model

KERNEL = "debian-6.1"
ROUNDS = 3
STARTS = 15
VALIDATED = 12
"""Trees for dt-validate, which takes about half a second for each."""
_TIMEOUT = 600
_log = logging.getLogger(__name__)


def measure() -> Report:
    """Measure.

    Raises MachineError when dtc or dt-validate is missing, or fails.
    """
    trees = debian.kernel(KERNEL).trees()
    dtc, validate = _tool("dtc", "lab"), _tool("dt-validate", "kernel")
    _log.info("bench: %d trees, with dtc in turns", len(trees))
    ours, dtcs = [], []
    for _ in range(ROUNDS):
        ours.append(_seconds(lambda: _check(trees)))
        dtcs.append(_seconds(lambda: _dtc(dtc, trees)))
    few = trees[:: len(trees) // VALIDATED][:VALIDATED]
    _log.info("bench: %d trees, with dt-validate", len(few))
    for_one = _seconds(lambda: _validate(validate, few[:1]))
    for_all = _seconds(lambda: _validate(validate, few))
    same = min(_seconds(lambda: _check(few)) for _ in range(ROUNDS))
    _log.info("bench: %d starts", STARTS)
    found = _speed(len(trees), ours, dtcs)
    found += _against_schemas(len(few), same, for_one, for_all)
    found += [_growth(trees), _start(few[0])]
    machine: dict[str, str | int] = {
        "roundpen": __version__,
        "host": f"{platform.system()} {platform.release()} {platform.machine()}",
        "host_cpu": cpu_model(),
        "host_cores": os.cpu_count() or 0,
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
    }
    return Report(machine, tuple(found))


def _speed(count: int, ours: Sequence[float], dtcs: Sequence[float]) -> list[Figure]:
    ratios = [own / other for own, other in zip(ours, dtcs, strict=True)]
    note = f"{count} trees of {KERNEL}, one process"
    return [
        Figure("check, trees per second", count / min(ours), "1/s", note=note),
        Figure("dtc -I dtb -O dts", count / min(dtcs), "1/s", note="a process for each tree"),
        Figure("check by dtc, time", statistics.median(ratios), "ratio", 1, "no slower than dtc"),
    ]


def _against_schemas(count: int, ours: float, for_one: float, for_all: float) -> list[Figure]:
    """Without dt-validate's start, which takes seconds and would flatter us."""
    each = (for_all - for_one) / (count - 1)
    note = f"{count} of the trees, its start not counted; 100 times faster"
    return [
        Figure("dt-validate, trees per second", 1 / each, "1/s", note="dtschema's own schemas"),
        Figure("check by dt-validate, time", ours / count / each, "ratio", 0.01, note),
    ]


def _growth(trees: Sequence[Path]) -> Figure:
    """Time per byte of the largest eighth of the trees by that of the smallest."""
    ordered = sorted(trees, key=lambda path: path.stat().st_size)
    part = len(ordered) // 8
    costs = []
    for some in (ordered[:part], ordered[-part:]):
        size = sum(path.stat().st_size for path in some)
        costs.append(min(_seconds(partial(_check, some)) for _ in range(ROUNDS)) / size)
    return Figure("check per byte, large by small", costs[1] / costs[0], "ratio", note="1: as size")


def _start(tree: Path) -> Figure:
    """From start to the first output, beyond what Python itself takes to start."""
    bare = [sys.executable, "-c", "print(1, flush=True)"]
    check = [sys.executable, "-m", "roundpen.cli.main", "check", str(tree)]
    python, ours = [], []
    for _ in range(STARTS):
        python.append(_first_output(bare))
        ours.append(_first_output(check))
    usual = (statistics.median(ours) - statistics.median(python)) * 1e3
    note = f"beyond Python's own start; best of {STARTS}, median {usual:.0f} ms"
    return Figure("start to first output", (min(ours) - min(python)) * 1e3, "ms", 150, note)


def _first_output(command: Sequence[str]) -> float:
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        took = time.perf_counter() - began
        process.stdout.read()
    if not first:
        raise MachineError(f"bench: {' '.join(command)}: no output")
    return took


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _check(trees: Sequence[Path]) -> None:
    for path in trees:
        if check_file(path).board is None:
            raise MachineError(f"bench: {path.name} could not be read")


def _dtc(program: str, trees: Sequence[Path]) -> None:
    for path in trees:
        _run([program, "-q", "-I", "dtb", "-O", "dts", "-o", os.devnull, str(path)])


def _validate(program: str, trees: Sequence[Path]) -> None:
    _run([program, *map(str, trees)])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"bench: {command[0]} took more than {_TIMEOUT} s") from error
    except OSError as error:
        raise MachineError(f"bench: {command[0]}: {reason_of(error)}") from error
    if done.returncode:
        raise MachineError(f"bench: {command[0]}: exit status {done.returncode}")


def _tool(name: str, group: str) -> str:
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise RefusedError(f"bench: {name} is missing", remedy=f"run: scripts/setup {group}")
    return found
