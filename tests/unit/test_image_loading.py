# SPDX-License-Identifier: BSD-2-Clause
"""Where booti puts Debian's kernels; the addresses are those that U-Boot itself printed.

U-Boot 2023.01 of Debian 12 on QEMU's raspi3b: "Moving Image from 0x80000 to 0x200000,
end=2210000" for 6.1, "end=2700000" for 6.12.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roundpen.cli import main as cli
from roundpen.image.header import ImageHeader
from roundpen.image.loading import booti_base, ends
from tests.unit import samples

ANYWHERE = 0xA


def header(image_size: int, text_offset: int = 0, flags: int = ANYWHERE) -> ImageHeader:
    return ImageHeader(0, 0, text_offset, image_size, flags)


@pytest.mark.parametrize(
    ("image", "start", "end"),
    [
        (header(0x2010000), 0x200000, 0x2210000),
        (header(0x2190000, 0x80000), 0x80000, 0x2210000),
        (header(0x2500000), 0x200000, 0x2700000),
        (header(0x2680000, 0x80000), 0x80000, 0x2700000),
    ],
)
def test_on_a_raspberry_pi(image: ImageHeader, start: int, end: int) -> None:
    assert booti_base(image, 0x80000, ram=0) == start
    assert ends(image).booti_raspberry_pi == end
    assert ends(image).behind_boundary == image.text_offset + image.image_size


def test_an_old_kernel_goes_to_the_start_of_ram() -> None:
    old = header(0x1000000, 0x80000, flags=0)
    assert booti_base(old, 0x50000000, ram=0x40000000) == 0x40080000


def test_wrap_and_inspect_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel, out = tmp_path / "kernel", tmp_path / "out"
    kernel.write_bytes(samples.kernel(image_size=0x2010000))
    assert cli.main(["wrap", str(kernel), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    for text in ("(image_size 0x2190000)", "at 0x2210000 when booti", "0x2210000 behind the 2 MiB"):
        assert text in said
    assert cli.main(["inspect", "--json", str(out)]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["ends"] == {"booti_raspberry_pi": 0x2210000, "behind_boundary": 0x2210000}
