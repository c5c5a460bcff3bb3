# SPDX-License-Identifier: BSD-2-Clause
"""The pen by the compilers of other Debian releases, which are taken into the cache and started
through their own dynamic linker; the host is left as it is.

clang is not among them: it has no -fcall-saved-x4 to -x7, without which the resident part does not
keep the registers of who calls it.
"""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from roundpen.packages.apt import closure
from roundpen.packages.unpack import unpack
from tests.pen.harness import pen_build
from tests.unit import binary_scan

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PATTERNS = ("*bin/*", "*lib/*", "*lib64/*", "usr/libexec/*", "usr/aarch64-linux-gnu/*")
_TOOLS = ("as", "ld", "objcopy", "objdump")
_TARGET = "aarch64-linux-gnu"


def _script(path: Path, *command: str) -> None:
    path.write_text("#!/bin/sh\nexec " + " ".join(command) + ' "$@"\n')
    path.chmod(0o755)


def toolchain(suite: str, folder: Path) -> str:
    """The prefix of a suite's cross compiler, made runnable in `folder`."""
    architecture = _ARCHITECTURES.get(platform.machine())
    if architecture != "amd64":
        pytest.skip("Debian's cross compiler for arm64 is taken from amd64 only")
    root = unpack(closure(suite, architecture, [f"gcc-{_TARGET}"]), _PATTERNS)
    host = f"{platform.machine()}-linux-gnu"
    linker = next(iter(sorted(root.glob("**/ld-linux-x86-64.so.2"))))
    libraries = sorted({str(one.parent) for one in root.glob(f"**/{host}/*.so*")})
    run = (str(linker), "--library-path", ":".join(libraries))
    for tool in _TOOLS:
        program = root / "usr/bin" / f"{_TARGET}-{tool}"
        _script(folder / f"x-{tool}", *run, str(program))
        # What the compiler starts itself, by -B.
        _script(folder / tool, *run, str(program))
    for part in ("cc1", "collect2"):
        (program,) = root.glob(f"**/gcc-cross/{_TARGET}/*/{part}")
        # collect2 starts ld, by this.
        before = ("env", f"COMPILER_PATH={folder}") if part == "collect2" else ()
        _script(folder / part, *before, *run, str(program))
    (compiler,) = root.glob(f"usr/bin/{_TARGET}-gcc-[0-9]*")
    _script(folder / "x-gcc", *run, str(compiler), f"-B{folder}/")
    return f"{folder}{os.sep}x-"


@pytest.mark.parametrize(("suite", "version"), [("bookworm", "12"), ("trixie", "14")])
def test_what_a_compiler_makes_of_the_pen(
    suite: str, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = toolchain(suite, tmp_path)
    # Asked of cc1, which is what compiles.
    command = [f"{prefix}gcc", "-E", "-P", "-x", "c", "-"]
    said = subprocess.run(
        command, input="__GNUC__", capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == version
    monkeypatch.setenv("CROSS_COMPILE", prefix)
    out: Path = pen_build().compile_pen(tmp_path / "out").parent
    for name in ("pen.elf", "resident.elf"):
        code = binary_scan.listing(out / name, prefix)
        assert len(code) > 700
        assert [str(one) for one in binary_scan.scan(code)] == []
