# SPDX-License-Identifier: BSD-2-Clause
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from roundpen.errors import UserError
from roundpen.publish import publish


def test_the_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"old")
    publish(out, b"new")
    assert out.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [out]


def test_the_umask_is_respected(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        publish(tmp_path / "out", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "missing" / "out", tmp_path / "file" / "out"):
        with pytest.raises(UserError, match="cannot be written"):
            publish(path, b"x")
    with pytest.raises(UserError, match="no regular file"):
        publish(tmp_path, b"x")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """On a real full file system, in a mount namespace of its own."""
    (tmp_path / "disk").mkdir()
    code = (
        "import sys; from pathlib import Path; from roundpen.publish import publish\n"
        "from roundpen.errors import MachineError\n"
        "disk = Path(sys.argv[1]); out = disk / 'out'; out.write_bytes(b'old')\n"
        "try: publish(out, bytes(1 << 20))\n"
        "except MachineError as error: print(error, [p.name for p in disk.iterdir()], "
        "out.read_bytes())"
    )
    mount = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" -c "$3" "$1"'
    argv = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    disk = str(tmp_path / "disk")
    done = subprocess.run(
        [*argv, disk, sys.executable, code], check=False, capture_output=True, text=True
    )
    if done.returncode != 0 and "Error" not in done.stderr:
        pytest.skip(f"no mount namespace here: {done.stderr.strip()}")
    said = f"{disk}/out: cannot be written: No space left on device ['out'] b'old'\n"
    assert done.stdout == said, done.stderr
