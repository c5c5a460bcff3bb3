# SPDX-License-Identifier: BSD-2-Clause
"""Every row of the table of containers: made by the format's own tool where it is here, or by hand
from its specification."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from roundpen.errors import UserError
from roundpen.image import containers, payload, wrap
from roundpen.image.containers import CONTAINERS
from tests.unit import samples
from tests.unit.check_boards import spin

KERNEL = samples.kernel()
TREE = spin().dtb()
TREE = TREE[: int.from_bytes(TREE[4:8], "big")]


def refusal(data: bytes) -> str:
    with pytest.raises(UserError) as caught:
        payload.parse(data, "the-file")
    text = str(caught.value)
    assert text.startswith("the-file: ")
    assert "\n" not in text
    return text


def at(offset: int, magic: bytes) -> bytes:
    return (bytes(offset) + magic).ljust(0x1000, b"\x55")


def unified(
    *contents: tuple[str, bytes], machine: int = 0xAA64, cut: int = 0, pe: int = 0x80
) -> bytes:
    """A PE file with these sections, aligned to 512 bytes in the file, as ukify makes it."""
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", pe)
    table, body, start = b"", b"", 0x400
    for name, content in contents:
        raw = -(-len(content) // 512) * 512
        table += struct.pack(
            "<8s6I2HI", name.encode(), len(content), 0x10000, raw, start, 0, 0, 0, 0, 0
        )
        body += content.ljust(raw, b"\0")
        start += raw
    coff = b"PE\0\0" + struct.pack("<2H3I2H", machine, len(contents), 0, 0, 0, 112, 0)
    whole = (head.ljust(pe, b"\0") + coff + bytes(112) + table).ljust(0x400, b"\0") + body
    return whole[: len(whole) - cut]


def patched(size: int, content: bytes) -> bytes:
    return b"UNCOMPRESSED_IMG" + struct.pack("<I", size) + content


OPENED: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "UNCOMPRESSED_IMG": (patched(len(KERNEL), KERNEL), ("UNCOMPRESSED_IMG",)),
    "EFI zboot": (samples.zboot(gzip.compress(KERNEL), b"gzip"), ("EFI zboot", "gzip")),
    "UKI": (unified((".osrel", b"ID=x"), (".linux", KERNEL)), ("UKI",)),
}
"""What is opened, besides what tests/unit/test_image_payload.py has the real tools pack."""
NAMED: dict[str, bytes] = {
    "a 32-bit ARM zImage": at(0x24, b"\x18\x28\x6f\x01"),
    "an x86 bzImage": at(0x202, b"HdrS"),
    "a RISC-V Image": at(0x38, b"RSC\x05"),
    "a U-Boot uImage": struct.pack(">7I4B32s", 0x27051956, 0, 0, len(KERNEL), 0, 0, 0, 5, 22, 2, 0,
                                   b"Linux") + KERNEL,
    "a device tree or a U-Boot FIT image": TREE,
    "an Android boot image": b"ANDROID!" + struct.pack("<10I", len(KERNEL), 0x8000, 0, 0, 0, 0, 0,
                                                       4096, 0, 0).ljust(4088, b"\0") + KERNEL,
    "an Android vendor boot image, which has no kernel": b"VNDRBOOT" + struct.pack("<2I", 4, 4096),
    "a ChromeOS kernel partition": (b"CHROMEOS" + struct.pack("<2IQ", 2, 1, 0x1000)).ljust(
        0x10000, b"\0") + TREE,
    "a MediaTek image": struct.pack("<2I32s", 0x58881688, len(KERNEL), b"KERNEL").ljust(
        512, b"\xff") + KERNEL,
    "a Rockchip KRNL image": b"KRNL" + struct.pack("<I", len(KERNEL)) + KERNEL + bytes(4),
    "an Android sparse image": struct.pack("<I4H4I", 0xED26FF3A, 1, 0, 28, 12, 4096, 1, 1, 0),
    "compressed with lzop": b"\x89LZO\0\r\n\x1a\n".ljust(99, b"\x01"),
    "an ELF file": at(0, b"\x7fELF\x02\x01\x01"),
    "a Debian package": at(0, b"!<arch>\ndebian-binary   "),
    "a ZIP archive": at(0, b"PK\x03\x04"),
    "a cpio archive: an initramfs, and no kernel": at(0, b"070701"),
    "a disk image": at(0x200, b"EFI PART"),
}  # fmt: skip


def test_every_row_has_a_sample() -> None:
    packed = {row.name for row in containers._COMPRESSED}
    assert {row.name for row in CONTAINERS} == packed | set(OPENED) | set(NAMED)


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_says_how_to_get_the_kernel(name: str) -> None:
    text = refusal(NAMED[name])
    (cure,) = {row.cure for row in CONTAINERS if row.name == name}
    assert text == f"the-file: {name}; {cure}"


@pytest.mark.parametrize("name", OPENED)
def test_what_is_opened(name: str) -> None:
    data, layers = OPENED[name]
    found = payload.parse(data, "x")
    assert found.image == KERNEL
    assert found.packing == layers


ITS = """/dts-v1/;
/ {
	description = "a FIT";
	#address-cells = <1>;
	images { kernel { description = "kernel"; data = /incbin/("Image"); type = "kernel";
		arch = "arm64"; os = "linux"; compression = "none"; load = <0>; entry = <0>; }; };
	configurations { default = "c"; c { description = "c"; kernel = "kernel"; }; };
};
"""


@pytest.mark.parametrize(
    ("name", "make", "cure", "result"),
    [
        ("compressed with lzop", "lzop -o FILE Image", "lzop -d -c FILE >Image", "Image"),
        ("an Android sparse image", "img2simg Image FILE", "simg2img FILE OUT", "OUT"),
        (
            "an Android boot image",
            "mkbootimg --kernel Image -o FILE",
            "unpack_bootimg --boot_img FILE --out DIR",
            "DIR/kernel",
        ),
        (
            "a U-Boot uImage",
            "mkimage -A arm64 -T kernel -d Image FILE",
            "dumpimage -T kernel -p 0 -o Image FILE",
            "Image",
        ),
        (
            "a device tree or a U-Boot FIT image",
            "mkimage -f its FILE",
            "dumpimage -T flat_dt -p 0 -o Image FILE",
            "Image",
        ),
    ],
)
def test_what_the_real_tools_make_is_named_and_taken_apart(
    tmp_path: Path, name: str, make: str, cure: str, result: str
) -> None:
    kernel = KERNEL.ljust(0x6000, b"\0")
    (tmp_path / "Image").write_bytes(kernel)
    (tmp_path / "its").write_text(ITS)
    for command in (make, cure):
        # mkimage has dtc make a FIT.
        for program in (command.split()[0], *(["dtc"] if command.startswith("mkimage -f") else [])):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        if command == cure:
            (tmp_path / "Image").unlink()
        subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True)
        if command == make:
            text = refusal((tmp_path / "FILE").read_bytes())
    assert text.startswith(f"the-file: {name}; ")
    assert cure in text
    assert (tmp_path / result).read_bytes() == kernel


@pytest.mark.parametrize(
    "cure", ["tail -c +513 FILE >KERNEL", "tail -c +9 FILE | head -c -4 >KERNEL"]
)
def test_what_a_cure_says_gives_the_kernel(tmp_path: Path, cure: str) -> None:
    (name,) = [row.name for row in CONTAINERS if cure in row.cure]
    (tmp_path / "FILE").write_bytes(NAMED[name])
    subprocess.run(cure, shell=True, cwd=tmp_path, check=True)
    assert (tmp_path / "KERNEL").read_bytes() == KERNEL


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (patched(len(KERNEL) + 1, KERNEL), "the kernel is to end at 0x5015, the file ends at"),
        (patched(0, KERNEL), "UNCOMPRESSED_IMG: the kernel is to end at 0x14"),
        (patched(len(KERNEL), KERNEL + TREE), "of a device tree follow the kernel, at 0x5014"),
        (unified((".text", b"x")), "an EFI program for arm64, but no arm64 Image"),
        (unified((".text", b"x"), machine=0x8664), "an EFI program for x86-64, but no arm64"),
        (unified((".linux", b"x"), machine=0x8664), "a unified kernel image, an EFI program for x"),
        (unified((".linux", KERNEL), cut=0x1000), "its section .linux is at 0x400 to 0x5400"),
        (unified((".linux", b"\x7fELF" + bytes(60))), "an ELF file (inside UKI)"),
        (at(0, b"MZ"), "an EFI program, but no arm64 Image"),
        (b"MZ", "an EFI program, but no arm64 Image"),
    ],
)
def test_bad_containers(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_a_unified_image_loses_what_else_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wrap, "pen_binary", samples.pen)
    parts = [(".linux", gzip.compress(KERNEL)), (".initrd", b"x"), (".cmdline", b"quiet")]
    (tmp_path / "uki.efi").write_bytes(unified(*parts))
    assert cli.main(["wrap", str(tmp_path / "uki.efi"), "-o", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "as UKI + gzip" in told
    for lost in (".initrd", ".cmdline"):
        assert f"lost     the unified image's {lost} is not taken along" in told
    assert "lost     EFI firmware can't start it any more" in told


@pytest.mark.parametrize("trees", [1, 3])
@pytest.mark.parametrize("padding", [0, 512])
def test_a_tree_behind_an_image_is_refused_as_behind_a_packed_one(trees: int, padding: int) -> None:
    for kernel in (
        samples.kernel(image_size=1 << 20),
        samples.kernel(image_size=1 << 20, efi=True),
    ):
        glued = kernel + TREE * trees + bytes(padding)
        size = len(glued) - len(kernel)
        text = refusal(glued)
        assert text == (
            f"the-file: {size} bytes of a device tree follow the kernel, at {len(kernel):#x}; they "
            f"would be lost; give the kernel alone: head -c {len(kernel)} FILE >KERNEL"
        )
        packed = gzip.compress(kernel, mtime=0)
        assert "of a device tree follow the kernel" in refusal(packed + TREE * trees)
        assert "they would be lost (inside gzip); give" in refusal(gzip.compress(glued, mtime=0))


def test_a_tree_that_is_built_in_is_none_of_that() -> None:
    kernel = bytearray(samples.kernel())
    kernel[0x2000 : 0x2000 + len(TREE)] = TREE
    assert payload.parse(bytes(kernel), "x").image == kernel
