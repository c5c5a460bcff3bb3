# SPDX-License-Identifier: BSD-2-Clause
"""The tables of kernels and cores: whole rows with sources, and versions that are read right."""

from __future__ import annotations

import pytest

from roundpen.kexec.known import (
    CONDITIONS,
    KnownCore,
    KnownKernel,
    cores,
    faults,
    kernels,
    numbers,
    without,
)


@pytest.mark.parametrize("row", kernels(), ids=lambda row: row.name)
def test_every_kernel_has_a_source_and_something_to_do(row: KnownKernel) -> None:
    assert len(row.source) > 10
    assert row.seen
    assert row.do
    assert row.whose in ("running", "next")
    assert set(row.when) <= set(CONDITIONS)
    assert numbers(row.first) or row.first == "0"
    assert not row.last or numbers(row.last) >= numbers(row.first)
    assert row.seen.isprintable()


@pytest.mark.parametrize("row", cores(), ids=lambda row: row.name)
def test_every_core_has_a_source(row: KnownCore) -> None:
    assert len(row.source) > 10
    assert set(row.lacks) <= {4096, 16384, 65536}


def test_names_are_not_used_twice() -> None:
    for table in (kernels(), cores()):
        names = [row.name for row in table]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.12.118+deb13-arm64", (6, 12, 118)),
        ("6.1.0-56-arm64", (6, 1, 0)),
        ("7.3-rc7", (7, 3)),
        ("6.12.75+rpt-rpi-v8", (6, 12, 75)),
        ("mine", ()),
        ("", ()),
        (None, ()),
        ("99999.1", (9999,)),
    ],
)
def test_versions(release: str | None, expected: tuple[int, ...]) -> None:
    assert numbers(release) == expected


def said(release: str, **holds: bool | None) -> dict[str, bool]:
    every = dict.fromkeys(CONDITIONS, False) | {
        name.replace("qemu_virt", "qemu-virt"): value for name, value in holds.items()
    }
    return {row.name: certain for row, certain in faults("running", release, every)}


def test_the_oops_on_lpa2() -> None:
    assert said("6.12.118+deb13-arm64", lpa2=True) == {"trans-pgd-lpa2": True}
    assert said("6.12.118+deb13-arm64", lpa2=None) == {"trans-pgd-lpa2": False}
    assert said("6.12.118+deb13-arm64", lpa2=False) == {}
    assert said("6.1.0-56-arm64", lpa2=True) == {}
    assert said("6.8.12", lpa2=True) == {}
    assert said("6.9", lpa2=True) == {"trans-pgd-lpa2": True}
    assert said("6.18.2", lpa2=True) == {"trans-pgd-lpa2-later": False}
    assert said("7.2.13", lpa2=True) == {}


def test_the_field_that_nobody_set() -> None:
    assert said("6.16.7-arch", kexec_file_load=True) == {"CVE-2025-39904": True}
    assert said("6.16", kexec_file_load=True) == {"CVE-2025-39904": True}
    assert said("6.16.8", kexec_file_load=True) == {}
    assert said("6.16.7", kexec_file_load=False) == {}


def test_cores_without_16k_pages() -> None:
    a72, a76 = 0x410FD083, 0x414FD0B1
    assert [core.name for core in without([a72, a76], 16384)] == ["Cortex-A72"]
    assert list(without([a72], 4096)) == []
    assert list(without([a76], 16384)) == []
