# SPDX-License-Identifier: BSD-2-Clause
"""One lab run from names to verdict: kernel, wrap, guest, machine, judge."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from roundpen import cache, scratch
from roundpen.contract.layout import Offer
from roundpen.errors import MachineError, UserError
from roundpen.image import payload
from roundpen.image.wrap import wrap_file
from roundpen.kernel import debian, module, trimmed
from roundpen.lab import emulator as emulators
from roundpen.lab import qemu, run, vendor
from roundpen.lab.course import Spoken, spoken, stages
from roundpen.lab.events import Event, parser
from roundpen.lab.faults import Faulty
from roundpen.lab.guest import programs, root
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import Family, Machine
from roundpen.lab.roundtrip import Verdict, judge, split_at_reboot
from roundpen.lab.run import Stopped, Transcript
from roundpen.lab.scenario import Ending, Late, Scenario
from roundpen.lab.steps import steps
from roundpen.lab.uboot import UBoot

DEFAULT_KERNEL = "debian-6.1"
CRASH_ROOM = "crashkernel=256M"
"""For the kernel, the guest's root and what it unpacks to."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kernel:
    """A kernel to boot: from the lists of Debian's and of the lab's own, or a file."""

    name: str
    image: Path
    package: debian.DebianKernel | None = None


@dataclass(frozen=True)
class Job:
    """One run to do. `wrap` None: the plain kernel. `kexec_wrapped`: kexec to the wrapped one.

    `chain`: what each kexec starts, one kernel after the other; for those that are not named,
    `kernel` again.
    `faults`: what is wrong with a firmware that takes CPUs back. `files`: more for the root of
    the first kernel's guest; a kexec does not take them along. `loader`: what starts the kernel,
    where it is not QEMU.
    """

    machine: Machine
    kernel: Kernel
    scenario: Scenario
    wrap: Offer | None = None
    kexec_wrapped: bool = False
    timeout: float = 600.0
    command_line: str = ""
    faults: tuple[Faulty, ...] = ()
    files: Mapping[str, Member] = field(default_factory=dict)
    loader: UBoot | None = None
    chain: tuple[Kernel, ...] = ()

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernel of each generation that the scenario comes to."""
        count = len(stages(self.scenario, self.machine.cpus))
        named = (self.kernel, *self.chain)
        return (*named, *[self.kernel] * (count - len(named)))[:count]


@dataclass(frozen=True)
class Result:
    """What came of a run. `transcript`: where the console's lines are kept, if they are.

    `nonce`: what the guest's digests are made with.
    """

    job: Job
    verdict: Verdict
    console: Transcript
    events: tuple[Event, ...]
    transcript: Path | None = None
    nonce: str = ""


def kernel(name: str) -> Kernel:
    """The kernel called `name`: one of Debian's, one of the lab's own, or a file.

    Raises UserError when it is none of these, MachineError when it can't be had or built.
    """
    if name in debian.FLAVOURS:
        package = debian.kernel(name)
        return Kernel(name, package.image, package)
    if name in trimmed.FLAVOURS:
        return Kernel(name, trimmed.build(name).image)
    path = Path(name)
    if path.is_file():
        return Kernel(path.name, path)
    known = ", ".join([*debian.FLAVOURS, *trimmed.FLAVOURS])
    raise UserError(
        f"{name}: neither a kernel of the lab nor a file", remedy=f"the lab has: {known}"
    )


def knows_return(kernel: Kernel) -> bool:
    """Whether `kernel` knows cpu-return-addr: whether its Image has the property's name.

    Raises UserError when it is no kernel.
    """
    return b"cpu-return-addr\0" in payload.load(kernel.image).image


def late(kernels: Sequence[Kernel], parameters: str = "") -> Late:
    """The late pen's part of a scenario in which `kernels` run one after the other."""
    knowing = (at for at, one in enumerate(kernels) if knows_return(one))
    return Late(frozenset(knowing), parameters)


def perform(job: Job, transcript: Path | None = None) -> Result:
    """Do the run and judge it; the console's lines go to `transcript`.

    Without one they are kept in the cache when the run does not pass. Raises UserError or
    MachineError when the run could not take place at all.
    """
    nonce = secrets.token_hex(16)
    with scratch.folder("lab") as folder:
        watcher = _Watcher(job.scenario, nonce)
        guest = _guest(job, nonce, folder)
        command = _command(job, guest, folder)
        _log.info("%s: starting, kernel %s%s", job.machine.name, job.kernel.name, _how(job))
        words = spoken(job.scenario, job.machine.cpus)
        console = run.run(
            command,
            watcher,
            timeout=job.timeout,
            folder=folder,
            announced=words.lines,
            answers=job.loader.answers(guest) if job.loader else (),
        )
    verdict = judge(watcher.events, job.scenario, job.machine.cpus, nonce)
    problems = (*_console_problems(job, console, watcher, words), *verdict.problems)
    verdict = replace(verdict, problems=problems)
    kept = _keep(job, console, transcript, needed=not verdict.passed)
    return Result(job, verdict, console, tuple(watcher.events), kept, nonce)


def _how(job: Job) -> str:
    return f" wrapped ({job.wrap.name.lower()})" if job.wrap is not None else " as it is"


class _Watcher:
    """Collects events, says what happens, and knows when the run is over."""

    def __init__(self, scenario: Scenario, nonce: str) -> None:
        self.events: list[Event] = []
        self.ended = False
        self._ending = scenario.ending
        self._parse = parser(nonce)

    def __call__(self, line: str, seconds: float) -> bool:
        event = self._parse(line, seconds)
        if event is None:
            return False
        self.events.append(event)
        _tell(event)
        if event.name != "end":
            return self.ended and bool(split_at_reboot(self.events)[1])
        self.ended = True
        # Another end than the one asked for comes when the chain broke: nothing will follow.
        return event.value("how") != self._ending.value or self._ending is Ending.STAY


def _tell(event: Event) -> None:
    where = f"[{event.wall_time:5.1f} s] kernel {event.generation}"
    if event.name == "kernel":
        _log.info("%s: %s, CPUs online %s", where, event.value("release"), event.value("online"))
    elif event.name == "hotplug":
        text = f"{event.value('done')} of {event.value('cycles')} hotplug cycles"
        why = event.rest("why")
        _log.info("%s: CPU %s: %s", where, event.value("cpu"), text + (f": {why}" if why else ""))
    elif event.name == "kexec-load":
        accepted = event.value("status") == "0"
        reason = event.rest("kernel") or event.rest("said")
        _log.info("%s: kexec -l: %s", where, "accepted" if accepted else f"refused: {reason}")
    elif event.name == "kexec-jump":
        _log.info("%s: kexec -e", where)
    elif event.name == "crash":
        _log.info("%s: crash on CPU %s", where, event.value("cpu"))
    elif event.name == "end":
        _log.info("%s: end (%s)", where, event.value("how"))


def _console_problems(
    job: Job, console: Transcript, watcher: _Watcher, words: Spoken
) -> Iterator[str]:
    poweroff = job.scenario.ending is Ending.POWEROFF and watcher.ended
    wanted = Stopped.EXITED if poweroff else Stopped.DONE
    if words.last:
        if words.last not in console.fatal:
            yield f"the kernel did not stop with {words.last!r}, but: {console.fatal or 'not'}"
    elif console.fatal:
        yield f"the kernel died: {console.fatal}"
    elif console.stopped is not wanted:
        said = console.diagnostics.strip()
        yield f"after {console.seconds:.0f} s {console.stopped.value}" + (
            f" (QEMU: {said[-300:]})" if said else ""
        )
    elif poweroff and console.status != 0:
        yield f"QEMU ended with status {console.status}: {console.diagnostics.strip()[-300:]}"
    for line in words.lines:
        if line not in console.announced:
            yield f"the kernel never said {line!r}"
    yield from (f"the kernel complained: {line}" for line in console.complaints[:5])


def _keep(job: Job, console: Transcript, wanted: Path | None, *, needed: bool) -> Path | None:
    if wanted is None and not needed:
        return None
    folder = cache.root() / "transcripts"
    path = wanted or folder / f"{job.machine.name}-{job.kernel.name}-{secrets.token_hex(4)}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_text(console.text(), encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise MachineError(f"{path}: the transcript cannot be written: {error}") from error
    return path


def _guest(job: Job, nonce: str, folder: Path) -> qemu.Guest:
    """Prepare the files of the run in `folder`."""
    plain, first = folder / "Image", folder / "Image.first"
    plain.write_bytes(_image(job, job.kernel))
    if job.wrap is not None:
        wrap_file(plain, first, offer=job.wrap)
    else:
        first = plain
    initrd = folder / "initrd.cpio"
    initrd.write_bytes(guest_root(job, nonce, first if job.kexec_wrapped else plain))
    return qemu.Guest(first, initrd, command_line(job), _tree(job))


def _image(job: Job, kernel: Kernel) -> bytes:
    """Unpacked, and one that the machine's CPUs can run."""
    loaded = payload.load(kernel.image)
    if loaded.header.page_size not in (None, 4096) and not job.machine.large_pages:
        raise UserError(
            f"{kernel.name}: has {loaded.header.page_size // 1024} KiB pages, "
            f"which the CPUs of {job.machine.name} don't have",
            remedy="take a machine whose name ends in -max",
        )
    return loaded.image


def _command(job: Job, guest: qemu.Guest, folder: Path) -> list[str]:
    """The whole command line."""
    emulator = emulators.find(job.machine)
    return [*emulator.command, *_arguments(job, guest, folder, emulator)]


def guest_root(job: Job, nonce: str, image: Path) -> bytes:
    """The initramfs of the run. `image` is what kexec gets, where there is a kexec."""
    return root.archive(guest_files(job, nonce, image))


def guest_files(job: Job, nonce: str, image: Path) -> dict[str, Member]:
    """What is in it."""
    files = root.base() | dict(job.files)
    names: list[str] = []
    if job.scenario.modules:
        if job.kernel.package is None:
            raise UserError(f"{job.kernel.name}: only a Debian kernel brings modules")
        for name, content in job.kernel.package.modules(job.scenario.modules):
            files[f"lib/modules/{name}"] = Member(content)
            names.append(name)
    scenario = replace(job.scenario, modules=tuple(names))
    if scenario.kvm:
        files["lib/kvm-probe"] = Member(programs.kvm_probe(), executable=True)
    if job.chain or scenario.late:
        files |= _chain(job)
    elif scenario.kexecs or scenario.crash:
        files["kexec/Image"] = Member(image.read_bytes())
    lines = steps(scenario, job.machine.cpus)
    files["scenario"] = Member(("\n".join(lines) + "\n").encode())
    files["nonce"] = Member(f"{nonce}\n".encode())
    files["generation"] = Member(b"0\n")
    return files


def _chain(job: Job) -> dict[str, Member]:
    """The Image and the module of each kernel, once, and which generation has which."""
    kernels = job.kernels
    course = stages(job.scenario, job.machine.cpus)
    names = list(dict.fromkeys(one.name for one in kernels))
    files = {}
    for number, name in enumerate(names):
        (one, *_) = (kernel for kernel in kernels if kernel.name == name)
        at = [generation for generation, other in enumerate(kernels) if other.name == name]
        if at[-1] > 0:
            files[f"kexec/{number}/Image"] = Member(_image(job, one))
        if any(course[generation].late for generation in at):
            files[f"kexec/{number}/roundpen.ko"] = Member(module.build(name).read_bytes())
    lines = [f"{at} {names.index(one.name)}\n" for at, one in enumerate(kernels)]
    return files | {"chain": Member("".join(lines).encode())}


def command_line(job: Job) -> str:
    """The kernel's command line."""
    console = job.machine.console or "ttyAMA0"
    room = CRASH_ROOM if job.scenario.crash else ""
    more = (job.scenario.limit, room, job.command_line)
    parts = [f"console={console}", job.machine.command_line, *more]
    return " ".join(filter(None, parts))


def _tree(job: Job) -> Path | None:
    if not job.machine.tree:
        return None
    package = job.kernel.package or debian.kernel(DEFAULT_KERNEL)
    return package.tree(job.machine.tree)


def _arguments(job: Job, guest: qemu.Guest, folder: Path, emulator: qemu.Emulator) -> list[str]:
    machine = job.machine
    if job.loader:
        return [*job.loader.arguments(machine, guest), *qemu.common_arguments(machine)]
    if machine.family is not Family.VENDOR:
        return [*qemu.direct_arguments(machine, guest), *qemu.common_arguments(machine)]
    spec = vendor.spec_of(machine, job.faults)
    made = vendor.arguments(
        spec, guest.image, guest.initrd, guest.command_line, folder, qemu=emulator.command
    )
    return [*made, *qemu.common_arguments(machine)]
