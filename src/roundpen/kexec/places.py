# SPDX-License-Identifier: BSD-2-Clause
"""Files of a system below a root folder, by the names that the system has for them.

Links are followed as that system would follow them: an absolute one starts at the root folder
again, none leads out of it.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from pathlib import Path

from roundpen.errors import UserError, reason_of

_LINKS_MAX = 40
_TEXT_MAX = 1 << 20


class Root:
    """A system's files; `/` for the running one."""

    def __init__(self, folder: Path) -> None:
        """`folder`: what is `/` there."""
        self.folder = folder

    def path(self, place: str) -> Path:
        """The file to open for the absolute `place`; links followed, whether it exists or not."""
        done: list[str] = []
        left = _parts(place)
        links = 0
        while left:
            name = left.pop(0)
            if name == "..":
                done[-1:] = []
                continue
            here = self.folder.joinpath(*done, name)
            target = _link(here)
            if target is None:
                done.append(name)
                continue
            links += 1
            if links > _LINKS_MAX:
                raise UserError(f"{place}: too many links", remedy="mend the circle of links")
            if target.startswith("/"):
                done = []
            left = _parts(target) + left
        return self.folder.joinpath(*done)

    def name(self, path: Path) -> str:
        """What the system calls `path`, a file to open."""
        return f"/{path.relative_to(self.folder)}" if path != self.folder else "/"

    def is_file(self, place: str) -> bool:
        """Whether a regular file is there. Raises UserError when that is not ours to know."""
        return stat.S_ISREG(self._mode(place))

    def is_folder(self, place: str) -> bool:
        """Whether a folder is there. Raises UserError when that is not ours to know."""
        return stat.S_ISDIR(self._mode(place))

    def _mode(self, place: str) -> int:
        try:
            return self.path(place).stat().st_mode
        except PermissionError as error:
            raise _unreadable(place, error) from error
        except (OSError, ValueError):
            # Not there, or no name that could be.
            return 0

    def locate(self, path: str, near: str) -> str:
        """Where the file is that a loader calls `path`, on the file system that has `near`.

        A loader knows no mount points: "/vmlinuz" on a boot partition is /boot/vmlinuz, and
        "/@/boot/vmlinuz" in a subvolume too. The first place with such a file counts; without
        one the innermost mount does, or the name as it is when no mounts are known.
        """
        mounts = self._mounts(near)
        places = [] if mounts else [join("/", path)]
        for point, top in (*mounts, ("/boot", "/"), ("/", "/")):
            inside = posixpath.relpath(posixpath.normpath("/" + path.lstrip("/")), top)
            if not inside.startswith("../"):
                places.append(join(point, inside))
        looked_at = places if mounts else [*places[1:], places[0]]
        return next((place for place in looked_at if self.is_file(place)), places[0])

    def _mounts(self, near: str) -> list[tuple[str, str]]:
        """Mount points above `near`, innermost first, each with the folder that it shows.

        Fields of /proc/self/mountinfo: 3 is that folder, 4 the mount point (proc(5)).
        """
        found = {}
        for line in (self.text("/proc/self/mountinfo") or "").splitlines():
            fields = [re.sub(r"\\([0-7]{3})", _octal, field) for field in line.split(" ")[:5]]
            # A later line is mounted over an earlier one.
            if len(fields) == 5 and _is_above(fields[4], near):
                found[fields[4]] = fields[3]
        return sorted(found.items(), key=lambda mount: len(mount[0]), reverse=True)

    def names(self, place: str) -> tuple[str, ...]:
        """The names in a folder, sorted; none when it is not there.

        Raises UserError when it can't be read.
        """
        try:
            return tuple(sorted(found.name for found in self.path(place).iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise _unreadable(place, error) from error

    def text(self, place: str) -> str | None:
        """The text of a file; None when it is not there.

        Raises UserError when it can't be read or is no text.
        """
        data = self.data(place)
        if data is None:
            return None
        if b"\0" in data:
            raise UserError(f"{place}: is no text", remedy="mend it, or give KERNEL")
        return data.decode("utf-8", "backslashreplace")

    def data(self, place: str, limit: int = _TEXT_MAX) -> bytes | None:
        """The bytes of a file of at most `limit`; None when it is not there."""
        try:
            # A FIFO without a writer would keep the open waiting.
            descriptor = os.open(self.path(place), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            raise _unreadable(place, error) from error
        with os.fdopen(descriptor, "rb") as file:
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise UserError(f"{place}: no regular file", remedy="give KERNEL")
                data = file.read(limit + 1)
            except OSError as error:
                raise _unreadable(place, error) from error
        if len(data) > limit:
            raise UserError(f"{place}: larger than {limit} bytes", remedy="give KERNEL")
        return data


def _parts(place: str) -> list[str]:
    return [part for part in place.split("/") if part not in ("", ".")]


def _link(path: Path) -> str | None:
    try:
        return str(path.readlink())
    except (OSError, ValueError):
        return None


def _unreadable(place: str, error: OSError) -> UserError:
    remedy = "run as root" if isinstance(error, PermissionError) else "give KERNEL"
    return UserError(f"{place}: can't be read: {reason_of(error)}", remedy=remedy)


def _octal(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def _is_above(folder: str, place: str) -> bool:
    return folder.startswith("/") and f"{place}/".startswith(folder.rstrip("/") + "/")


def join(folder: str, name: str) -> str:
    """`name` in `folder`; a `/` at its front does not lead out."""
    return posixpath.normpath(posixpath.join(folder, name.lstrip("/")))
