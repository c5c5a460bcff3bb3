# SPDX-License-Identifier: BSD-2-Clause
"""The Debian packages: built, judged by lintian, installed and purged in bare systems."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from roundpen.packages import sources
from tests.unit.deb_build import deb_build
from tests.unit.test_packaging import DEBIAN

pytestmark = [
    pytest.mark.timeout(1800),
    pytest.mark.skipif(shutil.which("dh") is None, reason="no debhelper: scripts/setup deb"),
]
SUITES = ("bookworm", "trixie")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# Below: as piuparts does it. What was there before is there afterwards, and nothing else; what
# the packages need is installed before, because its own traces are not ours.
INSIDE = r"""
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /root
seen() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /var/log \
		-o -path /var/cache -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /root \) \
		-prune -o -print | LC_ALL=C sort
}
for deb in roundpen*.deb; do apt-get -qq -y satisfy "$(dpkg-deb -f "$deb" Depends)" >/dev/null; done
seen >before
apt-get -qq -y --no-install-recommends install ./roundpen*.deb
roundpen --version
roundpen --help >/dev/null
roundpen module /root/module >/dev/null
test -f /root/module/made/resident.bin
dkms status roundpen
# The verdict alone, which has nothing to do until roundpen has jumped.
[ "$(find /etc -name '*roundpen*')" = \
	/etc/systemd/system/multi-user.target.wants/roundpen-verdict.service ]
mkdir -p /var/lib/roundpen && touch /var/lib/roundpen/verdict.json # a jump on record
find /usr/lib/python3/dist-packages/roundpen -name '*.pyc' | grep -q . # compiled, by py3compile
apt-get -qq -y remove roundpen roundpen-dkms
test -f /var/lib/roundpen/verdict.json
apt-get -qq -y purge roundpen roundpen-dkms
seen >after
diff before after
echo "nothing left"
"""


@pytest.fixture(scope="module")
def debs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    made: list[Path] = deb_build().build(tmp_path_factory.mktemp("deb"))
    return made


def test_the_same_sources_give_the_same_bytes(debs: list[Path], tmp_path: Path) -> None:
    again = deb_build().build(tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in debs]


def test_lintian_finds_nothing(debs: list[Path]) -> None:
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", *debs],
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_the_changelog_is_debians(debs: list[Path]) -> None:
    """dpkg's own reader, beside ours."""
    done = subprocess.run(
        ["dpkg-parsechangelog", "-l", DEBIAN / "changelog", "-S", "Timestamp"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    text = (DEBIAN / "changelog").read_text(encoding="utf-8")
    assert done.stdout.strip() == deb_build().epoch(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="making a system needs root")
@pytest.mark.parametrize("suite", SUITES)
def test_installed_removed_and_purged(debs: list[Path], suite: str, tmp_path: Path) -> None:
    for deb in debs:
        shutil.copy(deb, tmp_path)
    (tmp_path / "inside.sh").write_text(INSIDE, encoding="utf-8")
    mirrors = sources.find()
    lines = [f"deb [signed-by={KEYRING}] {mirrors.main} {suite} main"]
    done = subprocess.run(
        [
            "mmdebstrap", "--mode=root", "--variant=minbase", "--include=ca-certificates",
            f"--customize-hook=cp {tmp_path}/*.deb {tmp_path}/inside.sh \"$1/root\"",
            '--customize-hook=chroot "$1" sh /root/inside.sh',
            suite, "/dev/null", *lines,
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "nothing left" in done.stdout + done.stderr
