# SPDX-License-Identifier: BSD-2-Clause
"""An apt of our own per suite and architecture; the host's apt and dpkg are never written to.

What a name resolved to is recorded, and its packages stay in the cache under their SHA-256:
a second run asks nobody and works offline.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from roundpen import cache, scratch
from roundpen.errors import MachineError, RefusedError, UserError
from roundpen.packages import sources
from roundpen.publish import publish

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LISTS_GOOD_FOR = 6 * 3600
"""Seconds. Older lists may name packages that the mirror has dropped."""

_log = logging.getLogger(__name__)
_RECIPE = "2"
"""Part of every record's key: raise it when what was resolved before may be wrong."""
_URI = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) \d+ SHA256:(?P<sha256>[0-9a-f]{64})$")


@dataclass(frozen=True)
class Deb:
    """A Debian package file in the cache."""

    package: str
    version: str
    architecture: str
    sha256: str
    path: Path


@dataclass(frozen=True)
class _Listed:
    """A package file as apt names it: what to get, and the digest that the archive signed."""

    file: str
    sha256: str


def fetch(suite: str, architecture: str, name: str) -> Deb:
    """The one package `name`, without its dependencies.

    Raises UserError when the suite has no such package, MachineError when it can't be had.
    """
    return _get(suite, architecture, (name,), "download")[0]


def newest(suite: str, architecture: str, pattern: str) -> str:
    """The name of the newest package whose name matches `pattern` ("*": any version number).

    Raises UserError when the suite has none, MachineError when its list can't be had.
    """
    expression = re.escape(pattern).replace(r"\*", r"[0-9][0-9.+a-z~]*")
    record = _folder(suite, architecture) / "resolved" / f"{cache.digest(_RECIPE, pattern)}.name"
    with _locked(_folder(suite, architecture)) as folder:
        if record.is_file():
            return record.read_text(encoding="utf-8")
        config = _configure(folder, suite, architecture)
        _update(config, folder)
        listed = _cache(config, ["pkgnames", pattern.partition("*")[0]]).split()
        found = [name for name in listed if re.fullmatch(expression, name)]
        if not found:
            raise UserError(f"Debian {suite}: no package {pattern}")
        name = max(found, key=_numbers)
        record.parent.mkdir(parents=True, exist_ok=True)
        publish(record, name.encode())
    return name


def _numbers(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


def closure(suite: str, architecture: str, names: Sequence[str]) -> tuple[Deb, ...]:
    """`names` and all they depend on (without recommendations), as on an empty system.

    Raises UserError when the suite lacks one, MachineError when one can't be had.
    """
    return _get(suite, architecture, tuple(names), "install")


def _get(suite: str, architecture: str, names: tuple[str, ...], verb: str) -> tuple[Deb, ...]:
    record = (
        _folder(suite, architecture) / "resolved" / f"{cache.digest(_RECIPE, verb, *names)}.json"
    )
    known = _recorded(record)
    if known is not None:
        return known
    with _locked(_folder(suite, architecture)) as folder:
        known = _recorded(record)
        if known is None:
            _log.info("packages: %s from Debian %s (%s)", " ".join(names), suite, architecture)
            known = _download(folder, suite, architecture, names, verb)
            _record(record, known)
    return known


def _download(
    folder: Path, suite: str, architecture: str, names: tuple[str, ...], verb: str
) -> tuple[Deb, ...]:
    config = _configure(folder, suite, architecture)
    _update(config, folder)
    listed = _listing(config, verb, names, suite)
    missing = [one for one in listed if cache.lookup("debs", one.sha256) is None]
    if missing:
        with scratch.folder("apt", folder) as here:
            # As install, apt puts the files into its archives; as download, where it stands.
            options = ["--download-only"] if verb == "install" else []
            _run(config, ["-q", "-y", *options, verb, *names], here)
            for one in missing:
                held = [here / one.file, folder / "archives" / one.file]
                _adopt(next((path for path in held if path.is_file()), None), one)
    return tuple(_deb(one) for one in listed)


def _listing(config: Path, verb: str, names: tuple[str, ...], suite: str) -> list[_Listed]:
    # apt does not list what its archives hold already, and they keep what an earlier closure had
    # in common with another: look with empty ones.
    empty = config.parent / "no-archives"
    (empty / "partial").mkdir(parents=True, exist_ok=True)
    options = ["-qq", "--print-uris", "-o", f"Dir::Cache::archives={empty}"]
    try:
        text = _run(config, [*options, verb, *names])
    except MachineError as error:
        if "Unable to locate package" in error.message:
            raise UserError(f"Debian {suite}: {error.message.split('E: ')[-1].strip()}") from error
        raise
    matches = [_URI.match(line) for line in text.splitlines()]
    found = [_Listed(match["file"], match["sha256"]) for match in matches if match]
    if not found:
        raise MachineError(f"apt-get {verb} {' '.join(names)}: named no package file: {text!r}")
    return found


def _adopt(file: Path | None, listed: _Listed) -> None:
    """Move a file that apt brought (and checked) to its content-keyed place."""
    if file is None:
        raise MachineError(f"{listed.file}: apt-get reported success but left no such file")
    source = file
    if cache.file_digest(source) != listed.sha256:
        raise MachineError(f"{listed.file}: its SHA-256 is not {listed.sha256}, as the list says")

    def move(folder: Path) -> None:
        shutil.move(source, folder / listed.file)

    cache.entry("debs", listed.sha256, move)


def _deb(listed: _Listed) -> Deb:
    package, version, rest = unquote(listed.file).rsplit("_", 2)
    path = cache.place("debs", listed.sha256) / listed.file
    return Deb(package, version, rest.removesuffix(".deb"), listed.sha256, path)


def _recorded(record: Path) -> tuple[Deb, ...] | None:
    """What was resolved before, if every file is still there."""
    try:
        rows = json.loads(record.read_text(encoding="utf-8"))
        known = tuple(_deb(_Listed(row["file"], row["sha256"])) for row in rows)
    except (OSError, ValueError, KeyError, TypeError):
        # No record, or one that another version wrote: resolving again mends either.
        return None
    return known if all(deb.path.is_file() for deb in known) else None


def _record(record: Path, debs: tuple[Deb, ...]) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    beside = record.with_suffix(f".{os.getpid()}")
    rows = [{"file": deb.path.name, "sha256": deb.sha256} for deb in debs]
    beside.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    beside.replace(record)


def _folder(suite: str, architecture: str) -> Path:
    return cache.root() / "apt" / f"{suite}-{architecture}"


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield folder


def configuration(folder: Path, architecture: str, proxies: str = "") -> str:
    """The apt.conf that keeps every file of apt's inside `folder`. Pure.

    `proxies`: lines taken over from the host, the only thing of its configuration that we want.
    """
    return f"""\
Dir::Etc::parts "/dev/null";
Dir::Etc::main "/dev/null";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{folder}";
Dir::State::lists "{folder}/lists";
Dir::State::status "{folder}/status";
Dir::State::extended_states "{folder}/extended_states";
Dir::Cache "{folder}";
Dir::Cache::archives "{folder}/archives";
Dir::Log "{folder}";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::Languages "none";
Acquire::ForceHash "sha256";
Acquire::Retries "3";
{proxies}"""


BACKPORTS = "-backports"


def sources_list(mirrors: sources.Mirrors, suite: str) -> list[str]:
    """The lines of sources.list for `suite`. Pure.

    Backports are no system by themselves: with them come the suite that they are for and its
    security updates. As Debian means it, apt takes nothing from them that is not asked for:
    by `NAME/SUITE`, or by a name that nobody else has.
    """
    base = suite.removesuffix(BACKPORTS)
    found = [f"{mirrors.main} {name} main" for name in dict.fromkeys((base, suite))]
    if mirrors.security:
        found.append(f"{mirrors.security} {base}-security main")
    return [f"deb [signed-by={KEYRING}] {line}" for line in found]


def _configure(folder: Path, suite: str, architecture: str) -> Path:
    if not KEYRING.is_file():
        raise RefusedError(
            f"{KEYRING}: not there, so nothing from Debian can be checked",
            remedy="install the package debian-archive-keyring",
        )
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    lines = sources_list(sources.find(), suite)
    (folder / "sources.list").write_text("\n".join(lines) + "\n", encoding="utf-8")
    config = folder / "apt.conf"
    config.write_text(configuration(folder, architecture, _host_proxies()), encoding="utf-8")
    return config


def _host_proxies() -> str:
    """The host's apt proxy settings: behind a proxy there is no other way out."""
    dump = _command(["apt-config", "dump"], dict(os.environ))
    return "".join(
        line + "\n"
        for line in dump.splitlines()
        if re.match(r"Acquire::(http|https)::[^ ]*Proxy", line) and not line.endswith('"";')
    )


def _update(config: Path, folder: Path) -> None:
    stamp = folder / "updated"
    wanted = (folder / "sources.list").read_text(encoding="utf-8")
    fresh = stamp.is_file() and time.time() - stamp.stat().st_mtime < LISTS_GOOD_FOR
    if fresh and stamp.read_text(encoding="utf-8") == wanted:
        return
    _run(config, ["-q", "update", "-o", "APT::Update::Error-Mode=any"])
    stamp.write_text(wanted, encoding="utf-8")


def _run(config: Path, arguments: list[str], folder: Path | None = None) -> str:
    environment = dict(os.environ, APT_CONFIG=str(config), LC_ALL="C.UTF-8")
    return _command(["apt-get", *arguments], environment, folder)


def _cache(config: Path, arguments: list[str]) -> str:
    environment = dict(os.environ, APT_CONFIG=str(config), LC_ALL="C.UTF-8")
    return _command(["apt-cache", *arguments], environment)


def _command(command: list[str], environment: dict[str, str], folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, timeout=900
        )
    except FileNotFoundError as error:
        raise RefusedError(
            f"{command[0]}: not there", remedy="packages are taken from Debian with apt: install it"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineError(f"{' '.join(command)}: not done after 15 minutes") from error
    if done.returncode != 0:
        words = " ".join((done.stderr or done.stdout).split())[-600:]
        raise MachineError(f"{' '.join(command)}: exit status {done.returncode}: {words}")
    return done.stdout
