# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.packages import sources
from roundpen.packages.apt import sources_list
from roundpen.packages.sources import Mirrors, Source, choose, parse_deb822, parse_one_line

DEB822 = """\
# a mirror
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: sid
"""

ONE_LINE = """\
# deb http://comment.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://vendor.example/apt stable main
deb http://mirror.example/debian bookworm main contrib # ours
deb
"""


def test_deb822_stanzas() -> None:
    found = parse_deb822(DEB822)
    assert [source.uri for source in found] == [
        "http://mirror.example/debian/",
        "http://mirror.example/debian-security",
    ]
    assert found[0].suites == ("bookworm", "bookworm-updates")


def test_one_line_entries() -> None:
    assert parse_one_line(ONE_LINE) == [
        Source("https://vendor.example/apt", ("stable",), "/usr/share/keyrings/x.gpg"),
        Source("http://mirror.example/debian", ("bookworm",)),
    ]


def test_only_debian_counts() -> None:
    assert choose(parse_one_line(ONE_LINE)) == Mirrors("http://mirror.example/debian")
    assert choose(parse_deb822(DEB822)) == Mirrors(
        "http://mirror.example/debian", "http://mirror.example/debian-security"
    )
    assert choose([Source("http://archive.example/ubuntu", ("noble",))]) is None
    assert choose([Source("cdrom://[Debian]/debian", ("bookworm",))]) is None


def test_a_snapshot_counts_by_its_keyring() -> None:
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    found = choose(
        [
            Source("http://snap.example/archive/debian/20250520T000000Z", ("bookworm",), keyring),
            Source("http://snap.example/security/20250520T000000Z", ("x-security",), keyring),
        ]
    )
    assert found == Mirrors(
        "http://snap.example/archive/debian/20250520T000000Z",
        "http://snap.example/security/20250520T000000Z",
    )


def test_debootstrap_names_a_default() -> None:
    text = 'VARIANT=""\nDEF_MIRROR="http://mirror.example/debian"\n'
    assert sources.debootstrap_default(text) == Mirrors(
        "http://mirror.example/debian", "http://mirror.example/debian-security"
    )
    assert sources.debootstrap_default('DEF_MIRROR="http://mirror.example/ubuntu"') is None


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDPEN_DEBIAN_MIRROR", "http://own.example/debian/")
    monkeypatch.delenv("ROUNDPEN_DEBIAN_SECURITY_MIRROR", raising=False)
    assert sources.find() == Mirrors("http://own.example/debian")


def test_no_mirror_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ROUNDPEN_DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr(sources, "APT_FOLDER", tmp_path)
    monkeypatch.setattr(sources, "DEBOOTSTRAP", tmp_path / "none")
    with pytest.raises(MachineError, match=r"no Debian mirror known.*ROUNDPEN_DEBIAN_MIRROR"):
        sources.find()


def test_backports_come_with_the_suite_that_they_are_for() -> None:
    def asked(suite: str, mirrors: Mirrors) -> list[str]:
        return [line.partition("] ")[2] for line in sources_list(mirrors, suite)]

    both = Mirrors("http://a/debian", "http://a/debian-security")
    plain = ["http://a/debian trixie main", "http://a/debian-security trixie-security main"]
    assert asked("trixie", both) == plain
    assert asked("trixie-backports", both) == [
        plain[0], "http://a/debian trixie-backports main", plain[1]
    ]  # fmt: skip
    assert asked("trixie", Mirrors("http://a/debian")) == plain[:1]
