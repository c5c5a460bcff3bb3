# SPDX-License-Identifier: BSD-2-Clause
"""Load what the plan says, by kexec-tools; loaded or not, never half.

Why a program of others and not the system calls. kexec_file_load(2) would be a dozen lines, and
Debian's arm64 kernels don't have it. For kexec_load(2) somebody must place the segments between
what is reserved, pad them, write the command line, the initrd's place and fresh seeds into the
tree, and bring a purgatory that checks a digest before the next kernel starts: kexec-tools does
all that, is packaged everywhere, and has met more boards than we will. It does both calls. systemd
262 decided alike: kexec_file_load by itself, /usr/sbin/kexec for the rest. What we add is before
and behind it: the plan, the tree, and the kernel's own reasons, which it drops.

A load is atomic in the kernel (kernel/kexec.c and kexec_file.c exchange the image at their end).
So an interruption leaves the image of before or the new one, and here: none.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from roundpen import scratch
from roundpen.check import sysfs
from roundpen.check.kernel_log import KernelLog
from roundpen.errors import MachineError, UserError
from roundpen.image import payload
from roundpen.kexec.plan import Plan
from roundpen.kexec.program import run
from roundpen.kexec.tree import RNG_SEED, seeded
from roundpen.kexec.wanted import SystemCall

_LOADED = Path("/sys/kernel/kexec_loaded")
_SECONDS = 900
"""For what a load takes on a slow board with an initrd of hundreds of MB."""
_OF_INTEREST = re.compile(r"kexec|roundpen|lockdown|CPU\d+: cannot leave", re.I)


class NotLoadedError(MachineError):
    """The kernel did not take it; what was loaded before still is."""


@dataclass(frozen=True, slots=True)
class Order:
    """One call of kexec-tools. `digest`: purgatory checks the image before it starts it."""

    program: str
    system_call: SystemCall
    kernel: Path
    initrd: Path | None
    command_line: str
    dtb: Path | None
    digest: bool = True

    def words(self) -> list[str]:
        """The argument vector.

        The system call is always named. By default kexec-tools tries the file call first and, for
        its sake, drops `--dtb` without a word (2.0.25 to 2.0.32, kexec-arm64.c,
        arch_process_options()). An empty command line would mean the one in the tree, a blank
        means none.
        """
        file_load = self.system_call is SystemCall.FILE_LOAD
        words = [self.program, "-s" if file_load else "-c", "-l", str(self.kernel)]
        words += [f"--initrd={self.initrd}"] if self.initrd else []
        words += [f"--command-line={self.command_line or ' '}"]
        if not file_load:
            words += [f"--dtb={self.dtb}"] if self.dtb else []
            words += [] if self.digest else ["-i"]
        return words


def loaded() -> bool:
    """Whether an image is loaded for a jump (not a capture kernel)."""
    return sysfs.flag(_LOADED) is True


def load(plan: Plan, program: str, *, digest: bool = True) -> list[str]:
    """Load the kernel of `plan`; what the kernel's log says of it.

    Raises MachineError with the kernel's reason when it is not loaded. Whatever else was loaded
    before stays then. Interrupted: nothing is loaded.
    """
    with scratch.folder("kexec") as folder:
        order = prepare(plan, program, folder, digest=digest)
        try:
            return _call(order)
        except BaseException as error:
            # Nobody can tell whose image it is when we were stopped half-way.
            if not isinstance(error, MachineError) and loaded():
                unload(program)
            raise


def unload(program: str) -> None:
    """Let go of what is loaded. Idempotent. Raises MachineError when the kernel keeps it."""
    if not loaded():
        return
    done = _run([program, "-u"])
    if loaded():
        raise MachineError(
            f"{program} -u: the image stays loaded: {' '.join(done.stderr.split())}",
            remedy="an ordinary reboot drops it: SYSTEMCTL_SKIP_AUTO_KEXEC=1 systemctl reboot",
        )


def prepare(plan: Plan, program: str, folder: Path, *, digest: bool = True) -> Order:
    """What `plan` means for kexec-tools; the files that it needs are written to `folder`.

    Raises UserError when the kernel is not the plan's any more.
    """
    if plan.kernel is None or plan.system_call is None:
        raise MachineError("the plan has no kernel or no system call", remedy="make another")
    dtb = None
    if plan.tree is not None and plan.tree.own_file and plan.tree.data is not None:
        fresh = seeded(plan.tree.data, os.urandom(RNG_SEED))
        dtb = _write(folder / "tree.dtb", fresh)
    kernel = plan.kernel.path
    if not plan.kernel.as_it_is:
        kernel = _write(folder / "Image", _unpacked(kernel, plan.kernel.sha256))
    return Order(
        program=program,
        system_call=plan.system_call,
        kernel=kernel,
        initrd=plan.wanted.initrd,
        command_line=plan.wanted.command_line,
        dtb=dtb,
        digest=digest,
    )


def _unpacked(path: Path, expected: str) -> bytes:
    image = payload.load(path).image
    if hashlib.sha256(image).hexdigest() != expected:
        raise UserError(
            f"{path}: is not the kernel of the plan any more", remedy="let it be written, then plan"
        )
    return image


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _call(order: Order) -> list[str]:
    with KernelLog() as log:
        done = _run(order.words())
        said = [line for line in log.lines() if _OF_INTEREST.search(line)]
    if done.returncode or not loaded():
        raise failure(order, done.stderr, said)
    return said


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return run(words, seconds=_SECONDS, remedy="install kexec-tools")


_CURES = (
    ("CPUs are stuck", "roundpen kexec --dry-run says which way is open"),
    ("over the pen", "please report it with /proc/iomem: kexec-tools should have kept clear"),
    ("device tree", "take the running tree, without --dtb, or one that names the pen"),
    ("lockdown", "sign the kernel, or start this one without lockdown"),
    ("Cannot assign requested address", "a smaller initrd, or more memory"),
    ("Cannot allocate memory", "a smaller initrd, or end what uses memory"),
    ("Operation not permitted", "run as root; where you are, sysctl kernel.kexec_load_disabled"),
)


def failure(order: Order, stderr: str, kernel: list[str]) -> NotLoadedError:
    """Why it was not loaded: the kernel's own words where it has any, else kexec-tools'."""
    tool = [line.strip() for line in stderr.splitlines() if line.strip()]
    failed = [line for line in tool if "failed" in line or "annot" in line] or tool[-1:]
    words = [*kernel[-1:], *failed[:1]]
    remedy = next((cure for sign, cure in _CURES if any(sign in word for word in words)), "")
    return NotLoadedError(
        f"{order.kernel}: not loaded: {'; '.join(words) or 'kexec-tools does not say why'}",
        remedy=remedy or f"{Path(order.program).name} -d with the same options says more",
    )
