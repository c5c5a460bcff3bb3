# SPDX-License-Identifier: BSD-2-Clause
"""Runs of the probe on bare machines: the gather's time, and instructions per call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from roundpen import scratch
from roundpen.contract import layout
from roundpen.contract.layout import Offer
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
    returns: tuple[int, ...] = ()
    """Instructions from the return entry to the receipt, per return."""

    def seconds(self, ticks: int) -> float:
        """Guest seconds for a number of counter ticks."""
        return ticks / self.logbook.counter_frequency


def machine(cpus: int) -> VirtSpec:
    """The bench's machine: GICv3, because only that goes past 8 CPUs."""
    return VirtSpec(cpus=cpus, gic=3)


def targets(spec: VirtSpec) -> list[int]:
    """The first, the middle and the last secondary, by number."""
    return sorted({1, spec.cpus // 2, spec.cpus - 1} - {0})


def _probe(spec: VirtSpec, region: Path, offer: Offer) -> bytes:
    """The probe, told what to do under `offer`. Slots are in the order of the tree's CPUs."""
    numbers = targets(spec)
    if offer is Offer.RETURN:
        words = [layout.SLOT_OFFSET + number * layout.SLOT_SIZE for number in numbers]
        return probe.filled(probe.binary(), words, region, door=layout.RESIDENT_RETURN)
    return probe.filled(probe.binary(), [spec.mpidr(number) for number in numbers], region)


def measure(spec: VirtSpec, emulator: Emulator, more: Sequence[str] = ()) -> BareRun:
    """Boot the wrapped probe once, with `more` arguments for QEMU.

    Raises MachineError when the probe does not come to its end.
    """
    with scratch.folder("bench") as folder:
        return _boot(spec, emulator, folder, more, traced=False)


def count(spec: VirtSpec, emulator: Emulator) -> BareRun:
    """Boot it twice: once to learn where the pen settles, once with every instruction traced."""
    with scratch.folder("bench") as folder:
        first = _boot(spec, emulator, folder, (), traced=False)
        base, marks = first.logbook.base, trace.landmarks(first.code)
        log = folder / "trace"
        tracing = trace_arguments(base, marks, log)
        traced = _boot(spec, emulator, folder, tracing, traced=True)
        _same_place(first, traced)
        with log.open(encoding="utf-8", errors="replace") as lines:
            calls = trace.calls(trace.steps(lines), base, marks)
        return replace(traced, calls=tuple(calls))


def count_returns(spec: VirtSpec, emulator: Emulator) -> BareRun:
    """The same under the return offer, at the level at which `spec` is entered."""
    with scratch.folder("bench") as folder:
        offer = Offer.RETURN
        first = _boot(spec, emulator, folder, (), traced=False, offer=offer)
        base, marks = first.logbook.base, trace.landmarks(first.code)
        log = folder / "trace"
        tracing = trace_arguments(base, marks, log)
        traced = _boot(spec, emulator, folder, tracing, traced=True, offer=offer)
        _same_place(first, traced)
        with log.open(encoding="utf-8", errors="replace") as lines:
            found = trace.returns(trace.steps(lines), base, trace.receipt(first.code))
    wanted = len(targets(spec))
    if len(found) != wanted:
        raise MachineError(f"bench: {len(found)} returns in the trace, expected {wanted}")
    return replace(traced, returns=tuple(found))


def _same_place(first: BareRun, traced: BareRun) -> None:
    before, now = first.logbook.base, traced.logbook.base
    if now != before:
        raise MachineError(
            f"bench: the pen settled at {now:#x} when traced and at {before:#x} before, so the "
            "trace shows something else"
        )


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
    spec: VirtSpec,
    emulator: Emulator,
    folder: Path,
    more: Sequence[str],
    *,
    traced: bool,
    offer: Offer = Offer.PSCI,
) -> BareRun:
    region, payload, wrapped = (folder / name for name in ("region", "probe", "wrapped"))
    region.unlink(missing_ok=True)
    payload.write_bytes(_probe(spec, region, offer))
    wrap_file(payload, wrapped, offer=offer)
    qemu = arguments(spec, wrapped, None, "", folder, qemu=emulator.command)
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
