# SPDX-License-Identifier: BSD-2-Clause
"""Package files -> folders. Nothing from inside a package is ever run."""

from __future__ import annotations

import posixpath
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from roundpen import cache
from roundpen.errors import MachineError, RefusedError
from roundpen.packages.apt import Deb


def unpack(debs: Sequence[Deb], patterns: Sequence[str] = ("*",)) -> Path:
    """A folder with the files of `debs` whose path (no leading slash) matches a pattern.

    Cached by the packages' digests and the patterns. Patterns are fnmatch's, `*` crosses
    slashes. Raises MachineError when a package is damaged or reaches out of the folder.
    """
    key = cache.digest("1", *(deb.sha256 for deb in debs), "|", *patterns)

    def make(folder: Path) -> None:
        for deb in debs:
            _extract(deb, folder, patterns)

    return cache.entry("unpacked", key, make)


def depends(deb: Deb) -> tuple[str, ...]:
    """Names in the package's Depends field, versions and alternatives left out."""
    text = _checked(["dpkg-deb", "--field", str(deb.path), "Depends"], deb)
    return tuple(item.split("|")[0].split("(")[0].strip() for item in text.split(",") if item)


def control(deb: Deb) -> str:
    """The package's control file. Raises MachineError when the package is damaged."""
    return _checked(["dpkg-deb", "--field", str(deb.path)], deb)


def _checked(command: list[str], deb: Deb) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError as error:
        raise _no_dpkg() from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{deb.path.name}: dpkg-deb: not done after a minute") from error
    if done.returncode != 0:
        raise MachineError(f"{deb.path.name}: {done.stderr.strip()}")
    return done.stdout.strip()


def _no_dpkg() -> MachineError:
    return RefusedError("dpkg-deb: not there", remedy="install the package dpkg")


def _extract(deb: Deb, folder: Path, patterns: Sequence[str]) -> None:
    command = ["dpkg-deb", "--fsys-tarfile", str(deb.path)]
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError as error:
        raise _no_dpkg() from error
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    name = member.name.removeprefix("./")
                    if any(fnmatchcase(name, pattern) for pattern in patterns):
                        _place(archive, member, name, folder, deb)
            process.stdout.read()
        except (tarfile.TarError, EOFError) as error:
            process.kill()
            raise MachineError(f"{deb.path.name}: not a whole package: {error}") from error
        except OSError as error:
            process.kill()
            raise MachineError(f"{deb.path.name}: cannot be unpacked: {error}") from error
        words = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise MachineError(f"{deb.path.name}: dpkg-deb: {words}")


def _place(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, folder: Path, deb: Deb
) -> None:
    target = _inside(name, folder, deb)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.parent.resolve().is_relative_to(folder.resolve()):
        raise MachineError(f"{deb.path.name}: {name} would be written through a link to outside")
    target.unlink(missing_ok=True)
    if member.isfile():
        content = archive.extractfile(member)
        assert content is not None
        with target.open("xb") as out:
            shutil.copyfileobj(content, out, 1 << 20)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)
    elif member.issym():
        target.symlink_to(_link(member.linkname, name, folder, deb))
    elif member.islnk():
        target.hardlink_to(_inside(member.linkname.removeprefix("./"), folder, deb))
    # Anything else is a device or a pipe: no package that we use has one that we need.


def _inside(name: str, folder: Path, deb: Deb) -> Path:
    path = posixpath.normpath(name)
    if path.startswith(("/", "../")) or path == "..":
        raise MachineError(f"{deb.path.name}: {name} points out of the package")
    return folder / path


def _link(target: str, name: str, folder: Path, deb: Deb) -> str:
    """A link's target that means inside `folder` what it would mean on an installed system."""
    here = posixpath.dirname(name)
    full = posixpath.normpath(posixpath.join("/", here, target)).lstrip("/")
    _inside(full, folder, deb)
    return posixpath.relpath(full, here or ".")
