# SPDX-License-Identifier: BSD-2-Clause
"""Debian packages, a kernel and a scenario -> the initramfs. Runs nothing foreign."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module, resources
from pathlib import Path
from stat import S_IFDIR, S_IFREG
from types import ModuleType

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.segments import InterpSegment

from roundpen.errors import MachineError, RefusedError
from roundpen.packages.apt import closure
from roundpen.packages.unpack import unpack

SUITE = "bookworm"
PACKAGES = ("busybox-static", "kexec-tools")
_LIBRARIES = ("lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib", "usr/lib")
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Member:
    """One regular file of the guest's root."""

    content: bytes
    executable: bool = False


def base() -> dict[str, Member]:
    """The files that every guest has: busybox, kexec with its libraries, /init.

    Raises MachineError when the packages can't be had or lack a file.
    """
    folder = unpack(
        closure(SUITE, "arm64", PACKAGES),
        ("bin/busybox", "sbin/kexec", "usr/sbin/kexec", "*lib/*.so*", "*lib/*/lib*.so*"),
    )
    program = _first(folder, ("sbin/kexec", "usr/sbin/kexec"))
    files = {
        "init": Member(_script("init.sh"), executable=True),
        "lib/work.sh": Member(_script("work.sh")),
        "lib/trials.sh": Member(_script("trials.sh")),
        "lib/late.sh": Member(_script("late.sh")),
        "bin/busybox": Member(
            _first(folder, ("bin/busybox", "usr/bin/busybox")).read_bytes(), True
        ),
        "bin/kexec": Member(program.read_bytes(), executable=True),
    }
    return files | libraries(folder, program)


def _script(name: str) -> bytes:
    return resources.files(__package__).joinpath(name).read_bytes()


def _first(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = folder / name
        if path.is_file():
            return path
    raise MachineError(f"{folder}: none of {', '.join(names)} in the guest's packages")


def libraries(folder: Path, program: Path) -> dict[str, Member]:
    """What `program` asks the dynamic linker for, directly or not, and the linker itself.

    Raises MachineError when `folder` lacks one of them.
    """
    files: dict[str, Member] = {}
    waiting = [program]
    while waiting:
        interpreter, needed = dynamic_needs(waiting.pop())
        for name in needed:
            guest = f"lib/aarch64-linux-gnu/{name}"
            if guest not in files:
                path = _first(folder, [f"{place}/{name}" for place in _LIBRARIES])
                files[guest] = Member(path.read_bytes(), executable=True)
                waiting.append(path)
        if interpreter:
            name = posixpath.basename(interpreter)
            path = _first(folder, [f"{place}/{name}" for place in _LIBRARIES])
            files[interpreter.lstrip("/")] = Member(path.read_bytes(), executable=True)
    return files


def dynamic_needs(path: Path) -> tuple[str, list[str]]:
    """An ELF file's interpreter ("" if none) and the libraries in its DT_NEEDED entries.

    Raises MachineError when it is no ELF file.
    """
    interpreter = ""
    needed: list[str] = []
    try:
        with path.open("rb") as stream:
            for segment in ELFFile(stream).iter_segments():
                if isinstance(segment, InterpSegment):
                    interpreter = segment.get_interp_name()
                elif isinstance(segment, DynamicSegment):
                    needed = [vars(tag)["needed"] for tag in segment.iter_tags("DT_NEEDED")]
    except ELFError as error:
        raise MachineError(f"{path}: not an ELF file: {error}") from error
    return interpreter, needed


def _libarchive() -> ModuleType:
    """The binding, without the warning about features that nothing here uses."""
    logging.getLogger("libarchive").setLevel(logging.ERROR)
    try:
        return import_module("libarchive")
    except (OSError, AttributeError) as error:
        raise RefusedError(
            f"libarchive: cannot be loaded: {error}", remedy="install the package libarchive13"
        ) from error


def archive(files: Mapping[str, Member]) -> bytes:
    """`files` as a cpio archive ("newc", as the kernel unpacks it), same input, same bytes."""
    out = bytearray()

    def collect(block: bytes) -> int:
        out.extend(block)
        return len(block)

    with _libarchive().custom_writer(collect, "cpio_newc") as writer:
        for name in _folders(files):
            writer.add_file_from_memory(name, 0, b"", filetype=S_IFDIR, permission=0o755)
        for name in sorted(files):
            member = files[name]
            writer.add_file_from_memory(
                name,
                len(member.content),
                _blocks(member.content),
                filetype=S_IFREG,
                permission=0o755 if member.executable else 0o644,
            )
    return bytes(out)


def _folders(files: Iterable[str]) -> list[str]:
    """Every folder above a file, parents first, as the kernel's unpacker needs them."""
    found: set[str] = set()
    for name in files:
        parent = posixpath.dirname(name)
        while parent:
            found.add(parent)
            parent = posixpath.dirname(parent)
    return sorted(found)


def _blocks(content: bytes) -> Iterable[bytes]:
    view = memoryview(content)
    return (bytes(view[at : at + _BLOCK]) for at in range(0, len(view), _BLOCK))
