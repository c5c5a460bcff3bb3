# SPDX-License-Identifier: BSD-2-Clause
"""Start the test kernel on a bare machine, and judge what it prints."""

from __future__ import annotations

import importlib.util
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from roundpen.contract.layout import CpuState, Offer
from roundpen.devicetree import Tree
from roundpen.image import payload, wrap
from roundpen.lab import vendor
from roundpen.lab.emulator import PROGRAM
from roundpen.lab.firmware import build, params
from roundpen.lab.vendor import VirtSpec
from roundpen.logbook.parse import Logbook, parse
from tests.pen import config, payload_build
from tests.pen.config import Config, Tests

PEN = Path(__file__).parents[2] / "pen"
VIRT_UART = 0x0900_0000
QEMU = (PROGRAM,)
COUNTED = "shift=5,sleep=off"
"""32 ns an instruction: the two seconds for which the pen waits pass in half a second here."""
PARTS = {"cortex-a53": 0xD03, "cortex-a72": 0xD08}
_LINE = re.compile(r"(.*) #0x([0-9a-f]+)")
_CASE = re.compile(r"case (\S+) (good|bad) ?(.*)")


@dataclass
class Outcome:
    """What one run gave. Every line carries the run's signature, or it would not be here."""

    workdir: Path
    status: int
    lines: list[str] = field(default_factory=list)
    cases: dict[str, list[tuple[bool, str]]] = field(default_factory=dict)
    ended: bool = False
    seconds: float = 0.0

    @property
    def tree(self) -> Tree:
        """The device tree that the test kernel was given."""
        return Tree((self.workdir / "tree.dtb").read_bytes(), "the kernel's device tree")

    @property
    def has_region(self) -> bool:
        """Whether the test kernel's tree told it where the pen's region is."""
        return (self.workdir / "reserved.bin").is_file()

    @property
    def logbook(self) -> Logbook:
        """The pen's logbook at the end of the run."""
        return parse((self.workdir / "reserved.bin").read_bytes())

    def bad(self) -> list[str]:
        """Every case that went wrong, with its detail."""
        return [
            f"{name}: {detail}"
            for name, results in self.cases.items()
            for good, detail in results
            if not good
        ]

    def check(self, name: str) -> None:
        """Fail the test unless the case was reported and was good each time."""
        results = self.cases.get(name)
        assert results, f"{name}: not reported; {self.story()}"
        wrong = [detail for good, detail in results if not good]
        assert not wrong, f"{name}: {wrong}"

    def check_all(self) -> None:
        """Fail the test unless the run ended as it should and every case was good."""
        assert self.ended, self.story()
        assert self.status == 0, self.story()
        assert self.cases, self.story()
        assert not self.bad(), "\n".join(self.bad())

    def story(self) -> str:
        """The end of the console, and where the rest is."""
        tail = "\n".join(self.lines[-12:])
        return f"exit status {self.status}, console in {self.workdir / 'console.txt'}:\n{tail}"


def start(
    arguments: list[str],
    workdir: Path,
    nonce: int,
    timeout: float,
    *,
    qemu: tuple[str, ...] = QEMU,
    no_reboot: bool = True,
) -> Outcome:
    """Run QEMU in `workdir` for at most `timeout` seconds and read its console.

    `no_reboot`: end when the machine resets itself.
    """
    console = workdir / "console.txt"
    command = [*qemu, *arguments, "-display", "none", "-monitor", "none",
               *(["-no-reboot"] if no_reboot else []), "-semihosting",
               "-serial", f"file:{console}"]  # fmt: skip
    began = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=workdir, timeout=timeout, check=False, capture_output=True, text=True
        )
        status, errors = done.returncode, done.stderr
    except subprocess.TimeoutExpired:
        status, errors = -1, "timed out"
    (workdir / "stderr.txt").write_text(f"{command}\n{errors}")
    outcome = read(console, workdir, nonce, status)
    outcome.seconds = time.monotonic() - began
    return outcome


def read(console: Path, workdir: Path, nonce: int, status: int) -> Outcome:
    """Check every line's signature; a line without one is a failure, not noise."""
    outcome = Outcome(workdir, status)
    text = console.read_text(errors="replace") if console.is_file() else ""
    for number, raw in enumerate(text.splitlines()):
        match = _LINE.fullmatch(raw)
        signed = match and int(match[2], 16) == config.tag(nonce, number, match[1])
        if not match or not signed:
            outcome.lines.append(f"(not signed) {raw}")
            outcome.cases.setdefault("signatures", []).append((False, raw))
            continue
        line = match[1]
        outcome.lines.append(line)
        case = _CASE.fullmatch(line)
        if case:
            outcome.cases.setdefault(case[1], []).append((case[2] == "good", case[3]))
        if line == f"end {number}":
            outcome.ended = True
    return outcome


def config_for(spec: VirtSpec, tests: Tests, **changes: object) -> Config:
    """What the test kernel has to know about a `virt` machine."""
    base = Config(
        nonce=secrets.randbits(64),
        tests=tests,
        uart=VIRT_UART,
        mpidrs=tuple(spec.mpidr(number) for number in range(spec.cpus)),
        gic=spec.gic,
        gicd=vendor.GICD,
        gic_cpu=vendor.GIC_CPU[spec.gic],
        part=PARTS.get(spec.cpu, 0),
        sve_bytes=256 if spec.cpu == "max" else 0,
        sme_bytes=256 if spec.cpu == "max" else 0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def wrapped(image: bytes, pen: bytes | None = None, offer: Offer = Offer.PSCI) -> bytes:
    """The test kernel behind the pen."""
    kernel = payload.parse(image, "the test kernel")
    binary = pen or current_pen()
    return wrap.plan(kernel, offer=offer, pen=binary, name="the test kernel").render()


@cache
def pen_build() -> ModuleType:
    """pen/build.py, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("pen_build", PEN / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def current_pen() -> bytes:
    """The pen of the sources beside these tests, whatever the package carries."""
    folder: Path = pen_build().build()
    return (folder / "pen.bin").read_bytes()


@dataclass(frozen=True)
class Bench:
    """Runs machines in folders of their own, below `root`.

    The pen's are dirty, unless a test asks for another: what is UNKNOWN at a reset holds garbage.
    """

    root: Path
    qemu: tuple[str, ...] = QEMU

    def folder(self, name: str) -> Path:
        """An empty folder for one run."""
        path = self.root / re.sub(r"\W+", "-", name)
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def on_qemu_psci(
        self, spec: VirtSpec, tests: Tests, *, timeout: float = 120, **more: object
    ) -> Outcome:
        """The yardstick: QEMU's own PSCI 1.1 over HVC, no firmware, no EL2."""
        workdir = self.folder(f"yardstick-{spec.cpus}-{spec.cpu}-{int(tests)}")
        what = config_for(spec, tests, **more)
        image = workdir / "kernel.bin"
        image.write_bytes(payload_build.image(what))
        arguments = vendor.machine_arguments(replace(spec, entry_level=1))
        arguments[1] = arguments[1].replace("secure=on", "secure=off")
        return start(
            [*arguments, "-kernel", str(image)], workdir, what.nonce, timeout, qemu=self.qemu
        )

    def on_firmware(
        self,
        spec: VirtSpec,
        tests: Tests,
        *,
        timeout: float = 120,
        firmware: Path | None = None,
        **more: object,
    ) -> Outcome:
        """The vendor firmware alone, or another `firmware`: whatever it offers is its own."""
        workdir = self.folder(f"firmware-{secrets.token_hex(4)}")
        what = config_for(spec, tests, **more)
        image = workdir / "kernel.bin"
        image.write_bytes(payload_build.image(what))
        arguments = vendor.arguments(spec, image, None, "", workdir, qemu=self.qemu)
        if firmware:
            usual = str(build.binary())
            arguments = [text.replace(usual, str(firmware)) for text in arguments]
        return start(arguments, workdir, what.nonce, timeout, qemu=self.qemu)

    def on_pen(
        self,
        spec: VirtSpec,
        tests: Tests,
        *,
        timeout: float = 120,
        pen: bytes | None = None,
        offer: Offer = Offer.PSCI,
        tree: Callable[[bytes], bytes] | None = None,
        image: Callable[[bytes], bytes] | None = None,
        more_files: tuple[tuple[bytes, int], ...] = (),
        counted: bool = False,
        handed_tree: int | None = None,
        keep_memory: bool = False,
        dirty: bool = True,
        **more: object,
    ) -> Outcome:
        """The pen on a spin-table board. `tree` changes the DTB, `image` the wrapped Image.

        `more_files`: content and address of what else is to lie in memory. `counted`: time
        passes by instructions, not by the host's clock, so that nothing depends on when the host
        lets QEMU run. `handed_tree`: what the firmware passes for the tree's address.
        `keep_memory`: the 2 MiB of the pen become front.bin when the run is over, whether or not a
        kernel has come to run.
        """
        spec = replace(spec, dirty=dirty)
        workdir = self.folder(f"pen-{secrets.token_hex(4)}")
        what = config_for(spec, tests, **more)
        path = workdir / "wrapped.bin"
        made = wrapped(payload_build.image(what), pen, offer)
        path.write_bytes(image(made) if image else made)
        arguments = vendor.arguments(spec, path, None, "", workdir, qemu=self.qemu)
        for number, (content, address) in enumerate(more_files):
            path = workdir / f"more-{number}.bin"
            path.write_bytes(content)
            arguments += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        if tree:
            dtb = workdir / "vendor.dtb"
            dtb.write_bytes(tree(dtb.read_bytes()))
        if counted:
            arguments += ["-icount", COUNTED]
        if handed_tree is not None:
            block = workdir / "vendor-params.bin"
            data = block.read_bytes()
            head, rest = data[: params.TREE], data[params.TREE + 8 :]
            block.write_bytes(head + handed_tree.to_bytes(8, "little") + rest)
        if keep_memory:
            return _with_memory(arguments, spec, workdir, what.nonce, timeout, self.qemu)
        return start(arguments, workdir, what.nonce, timeout, qemu=self.qemu)


def _with_memory(
    arguments: list[str],
    spec: VirtSpec,
    workdir: Path,
    nonce: int,
    timeout: float,
    qemu: tuple[str, ...],
) -> Outcome:
    """Run with the machine's RAM in a file, of which what the pen was loaded to is kept."""
    ram = workdir / "ram.bin"
    backend = f"memory-backend-file,id=ram,share=on,mem-path={ram},size={spec.memory_mib}M"
    options = arguments[arguments.index("-machine") + 1]
    arguments = [text + ",memory-backend=ram" if text == options else text for text in arguments]
    outcome = start([*arguments, "-object", backend], workdir, nonce, timeout, qemu=qemu)
    with ram.open("rb") as memory:
        memory.seek(spec.load_offset)
        (workdir / "front.bin").write_bytes(memory.read(0x20_0000))
    ram.unlink()
    return outcome


def need_tools() -> None:
    """Skip, with the reason, where a bare machine can't be built or started."""
    for tool in (*QEMU, f"{build.PREFIX}gcc"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def all_gathered(run: Callable[[], Outcome]) -> Outcome:
    """The first of three runs in which every CPU came to the pen in time.

    For QEMU with a host thread per CPU: a busy host may leave one of them standing for longer
    than the pen waits, which is the host's doing and not what is under test.
    """
    for _ in range(2):
        outcome = run()
        saved = (outcome.workdir / "reserved.bin").is_file()
        if not saved or all(cpu.state != CpuState.FAILED for cpu in outcome.logbook.cpus):
            return outcome
    return run()
