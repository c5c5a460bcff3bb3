# SPDX-License-Identifier: BSD-2-Clause
"""What the Debian packages say of themselves; tests/long/test_deb.py builds and installs them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from roundpen import __version__, extras
from roundpen.errors import MachineError
from tests.unit.deb_build import deb_build
from tests.unit.test_docs import ROOT

DEBIAN = ROOT / "packaging" / "debian"


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_one_version_everywhere() -> None:
    conf = dict(re.findall(r'^(\w+)="(.*)"$', text(ROOT / "module" / "dkms.conf"), re.MULTILINE))
    assert conf["PACKAGE_VERSION"] == __version__
    assert text(DEBIAN / "changelog").startswith(f"roundpen ({__version__}) ")
    assert deb_build().files() == [
        f"roundpen_{__version__}_all.deb", f"roundpen-dkms_{__version__}_all.deb"
    ]  # fmt: skip


def test_the_command_depends_on_what_it_imports() -> None:
    """Where pip has an extra for it too: a board has no second way."""
    control = text(DEBIAN / "control")
    for module in ("libfdt", "lz4", "rich", "zstandard"):
        # dh_python3 adds what the wheel requires.
        assert f" {extras.MODULES[module].debian}," in control or not extras.brought_by(
            extras.MODULES[module]
        )
    # systemd up to 262 jumps by kexec_file_load alone otherwise, which Debian's kernels lack.
    assert " kexec-tools," in control


def test_dates_come_from_the_changelog() -> None:
    entry = " -- A <a@example.com>  Thu, 01 Jan 1970 00:01:00 +0000"
    assert deb_build().epoch(f"x (1) y\n\n{entry}\n") == "60"
    with pytest.raises(MachineError, match="no line with a date"):
        deb_build().epoch("x (1) y\n")
