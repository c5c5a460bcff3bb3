# SPDX-License-Identifier: BSD-2-Clause
"""Our own programs for the guest: C, built statically, once per content and compiler."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from roundpen import cache
from roundpen.lab.firmware.build import PREFIX, compiler, run

FLAGS = ("-std=gnu11", "-O2", "-static", "-s", "-Wall", "-Wextra", "-Werror")


def kvm_probe() -> bytes:
    """The program that starts a virtual machine.

    Raises MachineError when there is no cross compiler with a C library, or it fails.
    """
    return _built("kvm_probe.c")


def _built(name: str) -> bytes:
    source = resources.files(__package__).joinpath(name).read_bytes()

    def make(folder: Path) -> None:
        (folder / name).write_bytes(source)
        run([f"{PREFIX}gcc", *FLAGS, str(folder / name), "-o", str(folder / "program")])

    key = cache.digest(compiler(), " ".join(FLAGS), source)
    return (cache.entry("guest-programs", key, make) / "program").read_bytes()
