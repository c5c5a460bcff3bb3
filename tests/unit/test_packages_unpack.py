# SPDX-License-Identifier: BSD-2-Clause
"""Against dpkg-deb: it builds the packages that are taken apart here."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from roundpen.errors import MachineError
from roundpen.kernel.debian import module_depends
from roundpen.packages.apt import Deb, configuration
from roundpen.packages.unpack import depends, unpack


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDPEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def deb(tmp_path: Path) -> Deb:
    """A package with a program, a library and links, as dpkg-deb makes it."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: thing\nVersion: 1\nArchitecture: arm64\nMaintainer: me <me@example.org>\n"
        "Depends: linux-image-1-arm64 (= 1), foo | bar\nDescription: thing\n"
    )
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "usr/lib/libx.so.1.2").write_bytes(b"library")
    (tree / "usr/lib/libx.so.1").symlink_to("libx.so.1.2")
    (tree / "usr/lib/absolute").symlink_to("/usr/lib/libx.so.1.2")
    (tree / "usr/lib/linked").hardlink_to(tree / "usr/lib/libx.so.1.2")
    (tree / "sbin").mkdir()
    (tree / "sbin/run").write_bytes(b"program")
    (tree / "sbin/run").chmod(0o755)
    path = tmp_path / "thing_1_arm64.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", tree, path], check=True, capture_output=True
    )
    return Deb("thing", "1", "arm64", "0" * 64, path)


def test_unpacks_what_is_asked_for(deb: Deb) -> None:
    folder = unpack([deb], ["sbin/*"])
    assert (folder / "sbin/run").read_bytes() == b"program"
    assert (folder / "sbin/run").stat().st_mode & 0o111
    assert not (folder / "usr").exists()


def test_links_stay_inside(deb: Deb) -> None:
    folder = unpack([deb])
    for name in ("libx.so.1", "absolute", "linked"):
        path = folder / "usr/lib" / name
        assert path.read_bytes() == b"library"
        assert path.resolve().is_relative_to(folder.resolve())


def test_depends_without_versions_and_alternatives(deb: Deb) -> None:
    assert depends(deb) == ("linux-image-1-arm64", "foo")


def test_a_truncated_package_leaves_nothing(deb: Deb) -> None:
    deb.path.write_bytes(deb.path.read_bytes()[:-60])
    with pytest.raises(MachineError, match=r"thing_1_arm64\.deb"):
        unpack([deb])


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/../outside"])
def test_nothing_is_written_outside(deb: Deb, tmp_path: Path, name: str) -> None:
    _replace_data(deb, tmp_path, [tarfile.TarInfo(name)])
    with pytest.raises(MachineError, match="points out of the package"):
        unpack([deb])
    assert not list(tmp_path.glob("**/outside"))


def test_nothing_is_written_through_a_link(deb: Deb, tmp_path: Path) -> None:
    link, file = tarfile.TarInfo("d"), tarfile.TarInfo("d/file")
    link.type, link.linkname = tarfile.SYMTYPE, "../../../etc"
    _replace_data(deb, tmp_path, [link, file])
    with pytest.raises(MachineError, match=r"thing_1_arm64\.deb: .*cannot be unpacked|points out"):
        unpack([deb])


def _replace_data(deb: Deb, folder: Path, members: list[tarfile.TarInfo]) -> None:
    """Put members into the package that dpkg-deb would never have packed."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for member in members:
            archive.addfile(member)
    (folder / "data.tar").write_bytes(data.getvalue())
    (folder / "debian-binary").write_text("2.0\n")
    with tarfile.open(folder / "control.tar", "w") as archive:
        control = tarfile.TarInfo("./control")
        archive.addfile(control)
    deb.path.unlink()
    names = ["debian-binary", "control.tar", "data.tar"]
    subprocess.run(["ar", "rc", deb.path, *names], cwd=folder, check=True, capture_output=True)


def test_apt_stays_in_its_folder() -> None:
    text = configuration(Path("/cache/apt"), "arm64")
    for line in text.splitlines():
        if line.startswith("Dir::"):
            value = line.split('"')[1]
            assert value == "/dev/null" or value.startswith("/cache/apt")
    assert 'APT::Architectures { "arm64"; };' in text


def test_module_dependencies() -> None:
    assert module_depends(b"\0license=GPL\0depends=torture,crc-itu\0name=x\0") == [
        "torture",
        "crc_itu",
    ]
    assert module_depends(b"\0depends=\0") == []
    assert module_depends(b"nothing") == []
