# SPDX-License-Identifier: BSD-2-Clause
"""Into the kernel that is loaded.

Where systemd runs the system it stops the services, unmounts, and calls kexec itself. It starts
what is loaded; only when nothing is it loads another kernel by itself (its default boot entry;
systemd 262 by kexec_file_load). So whether ours is loaded is asked right before. Elsewhere nobody
can be relied upon to stop anything: sync and `kexec -e`, said plainly.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from enum import Enum
from functools import partial
from typing import NoReturn

from roundpen.check.kernel_log import KernelLog
from roundpen.errors import MachineError, reason_of
from roundpen.kexec import load
from roundpen.kexec.program import PATH as _PATH
from roundpen.kexec.program import run

_SECONDS = 120
SKIP = "SYSTEMCTL_SKIP_AUTO_KEXEC"
"""systemd: keeps `reboot` from starting what is loaded (systemctl(1), "reboot")."""


class By(Enum):
    """Who jumps. The value: what is said before."""

    SYSTEMD = "systemd stops the services, then starts the loaded kernel"
    US = (
        "nothing stops the services here and nothing is unmounted: the file systems are synced, "
        "then the loaded kernel starts at once"
    )


def by(*, systemd: bool) -> By:
    """Who will jump, where systemd does or does not run the system."""
    return By.SYSTEMD if systemd and _systemctl() else By.US


def jump(who: By, program: str) -> None:
    """Start the loaded kernel. Comes back where systemd does it, while that shuts down.

    `program`: kexec-tools' `kexec`. Raises MachineError when nothing is loaded any more or the
    kernel refuses.
    """
    if not load.loaded():
        raise MachineError(
            "nothing is loaded any more: somebody unloaded it, or the kernel let go of it",
            remedy="run roundpen kexec again",
        )
    if who is By.US:
        _by_us(program)
    _by_systemd()


def _systemctl() -> str | None:
    return shutil.which("systemctl", path=_PATH)


def _by_systemd() -> None:
    """SKIP in the environment does no harm: it is about `reboot`, and this is none.

    From the question on no signal stops us: systemd ends this program as it shuts down, and what
    is loaded is then its to start. (Ctrl-C reaches systemctl, which has none of it blocked.)
    """
    words = [_systemctl() or "systemctl", "kexec"]
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    )
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False,
            preexec_fn=partial(signal.pthread_sigmask, signal.SIG_SETMASK, before),
        )  # fmt: skip
        if not done.returncode:
            return
        said = " ".join(done.stderr.split()) or f"status {done.returncode}"
    except OSError as error:
        said = reason_of(error)
    except subprocess.TimeoutExpired:
        said = f"not done after {_SECONDS} s"
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    raise MachineError(
        f"systemctl kexec: {said}",
        remedy="the image is unloaded again; systemd-inhibit --list shows who holds it up",
    )


def _by_us(program: str) -> NoReturn:
    """`kexec -e` takes the network interfaces down first, so that none writes to memory later."""
    os.sync()
    with KernelLog() as log:
        done = run([program, "-e"], seconds=None, remedy="install kexec-tools")
        said = [line for line in log.lines() if "kexec" in line.lower() or "roundpen" in line]
    why = [*said[-1:], *done.stderr.splitlines()[-1:]]
    raise MachineError(
        f"the kernel did not start the loaded one: {'; '.join(why) or 'it does not say why'}",
        remedy="the image is unloaded again, and the machine runs on; dmesg may say more",
    )
