# SPDX-License-Identifier: BSD-2-Clause
"""The pen's programs, instruction by instruction: no erratum's pattern, nothing that Device memory
forbids. By every compiler at hand; and the scan finds what it looks for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pen.harness import pen_build
from tests.unit import binary_scan
from tests.unit.binary_scan import ADRP, EXCLUSIVE, MULTIPLY, SIMD, UNALIGNED, ZERO

PROGRAMS = ("pen.elf", "resident.elf")


def prefix() -> str:
    try:
        found: str = pen_build().cross_prefix()
    except pen_build().MachineError as error:
        pytest.skip(str(error))
    return found


def compilers() -> list[str]:
    """The compilers for arm64 that this host has, the default one first."""
    found = ["default"]
    for version in range(10, 20):
        if shutil.which(f"aarch64-linux-gnu-gcc-{version}"):
            found.append(f"gcc-{version}")
    return found


@pytest.fixture(scope="module", params=compilers())
def programs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what one compiler makes of the pen."""
    usual = prefix()
    if request.param == "default":
        built: Path = pen_build().build()
        return built
    folder: Path = tmp_path_factory.mktemp("compiler")
    compiler = f"{usual}{request.param}"
    (folder / "x-gcc").symlink_to(shutil.which(compiler) or compiler)
    for tool in ("ld", "objcopy"):
        (folder / f"x-{tool}").symlink_to(shutil.which(f"{usual}{tool}") or tool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CROSS_COMPILE", f"{folder}/x-")
        out: Path = pen_build().compile_pen(folder / "out").parent
    return out


@pytest.mark.parametrize("name", PROGRAMS)
def test_nothing_is_found(programs: Path, name: str) -> None:
    code = binary_scan.listing(programs / name, prefix())
    assert len(code) > 700, "a listing of all of it"
    assert [str(one) for one in binary_scan.scan(code)] == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_linker_put_no_stub_in(programs: Path, name: str) -> None:
    """It would have gone behind what resident.lds and boot.lds place, where nobody counts it."""
    command = [f"{prefix()}nm", str(programs / name)]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert not re.search(r"e843419|erratum_835769|_veneer", names)


def test_both_errata_are_asked_for() -> None:
    makefile = (Path(__file__).parents[2] / "pen" / "Makefile").read_text()
    assert "ERRATA := -mfix-cortex-a53-835769 -mfix-cortex-a53-843419\n" in makefile
    assert re.search(r"^COMMON := (?:.*\\\n)*.*\$\(ERRATA\)", makefile, re.M)
    assert re.search(r"^LDFLAGS := \$\(ERRATA\)", makefile, re.M)


PAGE_END = ".org 0xff8\n"
SAMPLES = {
    "843419 at 0xff8": (PAGE_END + "adrp x0, d\nstr x1, [x2]\nldr x3, [x0, #8]", ADRP),
    "843419 at 0xffc": (
        PAGE_END + "nop\nadrp x0, d\nldp x4, x5, [x2]\nadd x6, x6, x7\nstr x3, [x0, #8]", ADRP,
    ),
    "ADRP elsewhere": (".org 0xff4\nadrp x0, d\nstr x1, [x2]\nldr x3, [x0, #8]", None),
    "ADRP without an access behind it": (
        PAGE_END + "adrp x0, d\nadd x1, x1, x2\nldr x3, [x0, #8]", None,
    ),
    "ADRP, a branch between": (
        PAGE_END + "adrp x0, d\nstr x1, [x2]\nb d\nldr x3, [x0, #8]", None,
    ),
    "ADRP, another base": (PAGE_END + "adrp x0, d\nstr x1, [x2]\nldr x3, [x4, #8]", None),
    "835769 behind a load": ("ldr x1, [x2]\nmadd x3, x4, x5, x6", MULTIPLY),
    "835769 behind a store": ("stp x1, x3, [x2]\numaddl x3, w4, w5, x6", MULTIPLY),
    "835769 behind a prefetch": ("prfm pldl1keep, [x2]\nsmsubl x3, w4, w5, x6", MULTIPLY),
    "a multiplication": ("ldr x1, [x2]\nmul x3, x4, x5", None),
    "32 bits": ("ldr x1, [x2]\nmadd w3, w4, w5, w6", None),
    "one that waits for the load": ("ldr x4, [x2]\nmadd x3, x4, x5, x6", None),
    "one between": ("ldr x1, [x2]\nnop\nmadd x3, x4, x5, x6", None),
    "a vector": ("movi v0.16b, #0", SIMD),
    "a pair of q": ("stp q0, q1, [x0]", SIMD),
    "a double": ("fmov d0, x0", SIMD),
    "SVE": ("ptrue p0.b\nmov z0.b, p0/m, #1", SIMD),
    "a label like a register": ("b0: b b0\nd12: b d12", None),
    "load exclusive": ("ldaxr w0, [x1]", EXCLUSIVE),
    "store exclusive pair": ("stlxp w0, x2, x3, [x1]", EXCLUSIVE),
    "atomic add": ("ldaddal x0, x1, [x2]", EXCLUSIVE),
    "compare and swap": ("casal x0, x1, [x2]", EXCLUSIVE),
    "swap": ("swpb w0, w1, [x2]", EXCLUSIVE),
    "acquire and release": ("ldar x0, [x1]\nstlr x0, [x1]", None),
    "zero a block": ("dc zva, x0", ZERO),
    "clean a line": ("dc civac, x0", None),
    "two words of a header, joined": ("stur x1, [x20, #20]", UNALIGNED),
    "a half": ("sturh w1, [x20, #3]", UNALIGNED),
    "behind": ("str x1, [x20], #4", UNALIGNED),
    "words": ("stp w1, w2, [x20, #20]\nldr w1, [x20, #4]\nldrsw x1, [x20, #12]", None),
    "bytes": ("ldrb w1, [x20, #3]\nstrb w1, [x20], #1\nldur x3, [x20, #-8]", None),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_the_scan_finds(tmp_path: Path, name: str) -> None:
    text, wanted = SAMPLES[name]
    source, program = tmp_path / "sample.S", tmp_path / "sample.elf"
    source.write_text(f".arch armv8.5-a+sve\n.text\n.globl _start\n_start:\n{text}\nd: nop\n")
    assembled = tmp_path / "sample.o"
    subprocess.run([f"{prefix()}gcc", "-c", str(source), "-o", str(assembled)], check=True)
    # By ld itself, which mends nothing unasked: here the patterns are wanted.
    link = [f"{prefix()}ld", "-Ttext=0", str(assembled), "-o", str(program)]
    subprocess.run(link, check=True)
    found = [one.what for one in binary_scan.scan(binary_scan.listing(program, prefix()))]
    assert set(found) == ({wanted} if wanted else set())
