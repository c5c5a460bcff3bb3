# SPDX-License-Identifier: BSD-2-Clause
"""Three orders of versions.

Compared with the programs themselves while this was written: `linux-version sort` (linux-base
4.12.1), `systemd-analyze compare-versions` (252) and split_cmp() of Fedora's blscfg.c, on 2,400,
6,000 and 20,000 drawn pairs. Here: what a reader wants to see, and the properties of an order.
"""

from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roundpen.kexec import versions

ORDERS = (versions.debian, versions.uapi, versions.grub)
PIECES = st.sampled_from(
    [
        "6",
        "1",
        "12",
        "06",
        "0",
        "rc",
        "-rc",
        "-trunk",
        "-arm64",
        "+deb13",
        ".",
        "-",
        "~",
        "^",
        "+",
        "_",
        "é",
    ]
)
VERSIONS = st.lists(PIECES, max_size=7).map("".join)


def ascending(order: versions.Order, *names: str) -> None:
    for older, newer in pairwise(names):
        assert order(older, newer) < 0, (older, newer)
        assert order(newer, older) > 0, (older, newer)


def test_debian() -> None:
    ascending(
        versions.debian,
        "6.1-rc4-arm64",
        "6.1-trunk-arm64",
        "6.1.0-9-arm64",
        "6.1.0-56-arm64",
        "6.12.9+deb13-arm64",
        "6.12.118+deb13-arm64",
        "7.3.4+deb13-arm64",
    )


def test_uapi() -> None:
    """The specification's own row of examples."""
    row = "122.1 < 123~rc1-1 < 123 < 123-a < 123-a.1 < 123-1 < 123-1.1 < 123^post1 < 123.a-1"
    row += " < 123.1-1 < 123a-1 < 124-1"
    ascending(versions.uapi, *row.split(" < "))
    for same in (("11", "11"), ("11\u03b1", "11\u03b2"), ("1_", "1"), ("_1", "1"), ("+1", "1")):
        assert versions.uapi(*same) == 0
    ascending(versions.uapi, "", "0", "0.")
    ascending(versions.uapi, "~", "")
    ascending(versions.uapi, "B", "a")


def test_grub() -> None:
    ident = "6a9857a393724b7a981ebb5b8495b9ea"
    ascending(
        versions.grub,
        f"{ident}-0-rescue",
        f"{ident}-6.9.12-200.fc40.aarch64",
        f"{ident}-6.11.4-301.fc41.aarch64",
        f"{ident}-6.11.10-300.fc41.aarch64",
    )


@pytest.mark.parametrize("order", ORDERS)
@given(one=VERSIONS, two=VERSIONS)
def test_neither_side_is_special(order: versions.Order, one: str, two: str) -> None:
    sign = order(one, two)
    other = order(two, one)
    assert (sign > 0) == (other < 0)
    assert (sign == 0) == (other == 0)
    assert order(one, one) == 0


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze")
@settings(max_examples=40, deadline=None)
@given(one=VERSIONS, two=VERSIONS)
def test_uapi_against_systemd(one: str, two: str) -> None:
    command = ["systemd-analyze", "compare-versions", "--", one, two]
    status = subprocess.run(command, capture_output=True, check=False).returncode
    order = versions.uapi(one, two)
    assert {0: 0, 11: 1, 12: -1}[status] == (order > 0) - (order < 0)
