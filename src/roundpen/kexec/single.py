# SPDX-License-Identifier: BSD-2-Clause
"""`nr_cpus=1`: where this system's command line is kept, and what to add to it.

A kernel that was started with `nr_cpus=1` has no other CPU to be refused for: the others never
left the firmware, and the next kernel takes them from there. It takes one ordinary restart before.
(`maxcpus=1` and `nosmp` do not do: other CPUs stay possible, and kexec is refused.)

Nothing is changed here. Each of these files decides whether the machine starts at all; a program
of the distribution writes most of them, and the word has to go again after the jump.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from roundpen.errors import RoundpenError
from roundpen.kexec import config_txt, raspberry
from roundpen.kexec.places import Root

WORD = "nr_cpus=1"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the words for the next boot stand. `then`: what makes them count."""

    loader: str
    file: str
    now: str
    """The line as it is."""
    new: str
    """The line with the word in it."""
    then: str = ""


def running_on_one(command_line: str) -> bool:
    """Whether this kernel was started so. What follows `--` is for init."""
    words = command_line.split(" -- ")[0].split()
    return [word for word in words if word.startswith("nr_cpus=")][-1:] == [WORD]


def places(root: Path = Path("/")) -> tuple[Place, ...]:
    """All places below `root` where a loader's words are kept; several loaders may be there."""
    system = Root(root)
    found: list[Place] = []
    for look in _LOADERS:
        try:
            found += look(system)
        except RoundpenError:
            # One that we may not read is none that we can speak of.
            continue
    return tuple(found)


def lines(found: tuple[Place, ...]) -> list[str]:
    """What to do, for people."""
    told = [f"Nothing was changed. For kexec by {WORD}, start this machine once more with one CPU:"]
    for number, place in enumerate(found, 1):
        told += [
            f"{number}. {place.loader}: in {place.file} change the line",
            f"     {place.now}",
            "   to",
            f"     {place.new}",
            *([f"   then: {place.then}"] if place.then else []),
        ]
    if len(found) > 1:
        told.append("Several are here: take the one that starts this machine.")
    if not found:
        told.append(
            f"  add {WORD} to the kernel's command line where your loader keeps it "
            "(no loader's file was found)"
        )
    return [
        *told,
        f"Restart, then: roundpen kexec --way {WORD} KERNEL. The next kernel has every CPU.",
        f"Take {WORD} out again afterwards, or every ordinary start has one CPU.",
    ]


# --- loaders -------------------------------------------------------------------------------


def _raspberry_pi(system: Root) -> Iterator[Place]:
    """cmdline.txt, or what config.txt names: one line (raspberrypi.com, config.txt, "cmdline")."""
    for folder in ("/boot/firmware", "/boot"):
        if not system.is_file(f"{folder}/config.txt"):
            continue
        config = config_txt.read(system, f"{folder}/config.txt", raspberry.model(system))
        named = config.settings.get("cmdline")
        file = f"{folder}/{named.value if named else 'cmdline.txt'}"
        text = system.text(file)
        if text and text.strip():
            line = text.splitlines()[0].rstrip()
            yield Place("Raspberry Pi's firmware", file, line, f"{line} {WORD}")
        return


def _shell_variable(
    loader: str, file: str, names: tuple[str, ...], then: str
) -> Callable[[Root], Iterator[Place]]:
    """A line NAME="words" in a file that the distribution's program reads; the last one counts."""

    def look(system: Root) -> Iterator[Place]:
        for name in names:
            lines = re.findall(
                rf"^\s*{name}=(?:\"[^\"\n]*\"|'[^'\n]*')\s*$", system.text(file) or "", re.MULTILINE
            )
            if lines:
                line = lines[-1].strip()
                inside = line[len(name) + 2 : -1]
                new = f"{line[: len(name) + 2]}{f'{inside} {WORD}'.strip()}{line[-1]}"
                yield Place(loader, file, line, new, then)
                return

    return look


def _kernel_install(system: Root) -> Iterator[Place]:
    """/etc/kernel/cmdline goes into each entry that kernel-install writes."""
    text = system.text("/etc/kernel/cmdline")
    if text and text.strip():
        line = " ".join(text.split())
        yield Place(
            "systemd's kernel-install", "/etc/kernel/cmdline", line, f"{line} {WORD}",
            "kernel-install add-all",
        )  # fmt: skip


def _extlinux(system: Root) -> Iterator[Place]:
    """Written by hand, where u-boot-menu does not write it."""
    file = "/boot/extlinux/extlinux.conf"
    if system.is_file("/etc/default/u-boot"):
        return
    for line in re.findall(r"^\s*append\s.*$", system.text(file) or "", re.MULTILINE | re.I)[:1]:
        yield Place("extlinux.conf", file, line.strip(), f"{line.strip()} {WORD}")


_LOADERS: tuple[Callable[[Root], Iterator[Place]], ...] = (
    _raspberry_pi,
    _shell_variable(
        "GRUB", "/etc/default/grub", ("GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"),
        "update-grub",
    ),
    _shell_variable(
        "U-Boot's menu (u-boot-menu)", "/etc/default/u-boot", ("U_BOOT_PARAMETERS",),
        "u-boot-update",
    ),
    _shell_variable(
        "flash-kernel", "/etc/default/flash-kernel",
        ("LINUX_KERNEL_CMDLINE", "LINUX_KERNEL_CMDLINE_DEFAULTS"), "flash-kernel",
    ),
    _kernel_install,
    _extlinux,
)  # fmt: skip
