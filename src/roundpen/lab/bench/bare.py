# SPDX-License-Identifier: BSD-2-Clause
"""Runs of the probe on bare machines: the gather's time, and instructions per call."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roundpen.contract import layout
from roundpen.errors import MachineError
from roundpen.image.wrap import wrap_file
from roundpen.lab import run
from roundpen.lab.bench import probe, trace
from roundpen.lab.qemu import Emulator
from roundpen.lab.vendor import VirtSpec, arguments
from roundpen.logbook.parse import Logbook, parse

_TIMEOUT = 240.0
"""Seconds for one run; a traced one with 64 CPUs is the longest."""
_ONE_INSN_OPTION = (8, 1)
"""The QEMU version in which `-singlestep` became an option of the accelerator."""


@dataclass(frozen=True)
class BareRun:
    """What the probe brought home. `calls` is empty when the run was not traced."""

    spec: VirtSpec
    logbook: Logbook
    code: bytes
    calls: tuple[trace.Call, ...] = ()

    def seconds(self, ticks: int) -> float:
        """Guest seconds for a number of counter ticks."""
        return ticks / self.logbook.counter_frequency


def machine(cpus: int) -> VirtSpec:
    """The bench's machine: GICv3, because only that goes past 8 CPUs."""
    return VirtSpec(cpus=cpus, gic=3)


def targets(spec: VirtSpec) -> list[int]:
    """The first, the middle and the last secondary (MPIDR)."""
    numbers = sorted({1, spec.cpus // 2, spec.cpus - 1} - {0})
    return [spec.mpidr(number) for number in numbers]


def measure(spec: VirtSpec, emulator: Emulator, more: Sequence[str] = ()) -> BareRun:
    """Boot the wrapped probe once, with `more` arguments for QEMU.

    Raises MachineError when the probe does not come to its end.
    """
    with tempfile.TemporaryDirectory(prefix="roundpen-bench-") as scratch:
        return _boot(spec, emulator, Path(scratch), more, traced=False)


def count(spec: VirtSpec, emulator: Emulator) -> BareRun:
    """Boot it twice: once to learn where the pen settles, once with every instruction traced."""
    with tempfile.TemporaryDirectory(prefix="roundpen-bench-") as scratch:
        folder = Path(scratch)
        first = _boot(spec, emulator, folder, (), traced=False)
        base, marks = first.logbook.base, trace.landmarks(first.code)
        log = folder / "trace"
        tracing = trace_arguments(base, marks, log)
        traced = _boot(spec, emulator, folder, tracing, traced=True)
        if traced.logbook.base != base:
            raise MachineError(
                f"bench: the pen settled at {traced.logbook.base:#x} when traced and at {base:#x} "
                "before, so the trace shows something else"
            )
        with log.open(encoding="utf-8", errors="replace") as lines:
            calls = trace.calls(trace.steps(lines), base, marks)
        return replace(traced, calls=tuple(calls))


def trace_arguments(base: int, marks: trace.Landmarks, log: Path) -> tuple[str, ...]:
    """QEMU's arguments for the trace; one instruction per block comes from `accelerator`."""
    where = trace.address_filter(base, marks)
    return ("-d", "exec,cpu,nochain", "-D", str(log), "-dfilter", where)


def accelerator(given: Sequence[str], version: tuple[int, int], traced: bool) -> list[str]:
    """`given` with the accelerator on one thread, so that a trace has one order and waiting
    CPUs yield; when traced, one instruction per block.
    """
    command = list(given)
    options = "tcg,thread=single"
    if traced and version >= _ONE_INSN_OPTION:
        options += ",one-insn-per-tb=on"
    elif traced:
        command.append("-singlestep")
    command[command.index("-accel") + 1] = options
    return command


def _boot(
    spec: VirtSpec, emulator: Emulator, folder: Path, more: Sequence[str], *, traced: bool
) -> BareRun:
    region, payload, wrapped = (folder / name for name in ("region", "probe", "wrapped"))
    region.unlink(missing_ok=True)
    payload.write_bytes(probe.filled(probe.binary(), targets(spec), region))
    wrap_file(payload, wrapped)
    qemu = arguments(spec, wrapped, None, "", folder)
    command = [
        *emulator.command,
        *accelerator(qemu, emulator.version, traced),
        *("-display", "none", "-monitor", "none", "-serial", "stdio"),
        *("-semihosting-config", "enable=on,target=native"),
        *more,
    ]
    ended = run.run(command, lambda line, at: False, timeout=_TIMEOUT, folder=folder)
    if ended.status != 0 or not region.is_file():
        raise MachineError(
            f"bench, {spec.cpus} CPUs: the probe ended with status {ended.status} "
            f"({ended.stopped.value}), expected 0 and a copy of the pen's region; "
            f"QEMU said: {ended.diagnostics.strip()[-300:]!r}",
            remedy="the steps are numbered in lab/bench/probe.S",
        )
    data = region.read_bytes()
    book = parse(data)
    return BareRun(spec, book, data[layout.RESIDENT_OFFSET : layout.RESIDENT_MAX])
