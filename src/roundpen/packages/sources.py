# SPDX-License-Identifier: BSD-2-Clause
"""Which Debian mirror to ask: read from what the host already uses. Pure, but for `find()`.

The project names no mirror of its own. In this order: $ROUNDPEN_DEBIAN_MIRROR (and
$ROUNDPEN_DEBIAN_SECURITY_MIRROR), the host's apt sources where they are Debian's,
debootstrap's default.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from roundpen.errors import RefusedError

APT_FOLDER = Path("/etc/apt")
DEBOOTSTRAP = Path("/usr/sbin/debootstrap")
_SCHEMES = frozenset({"http", "https", "file"})


@dataclass(frozen=True)
class Source:
    """One place that apt asks: where, which suites, and whose signature it wants."""

    uri: str
    suites: tuple[str, ...]
    signed_by: str = ""


@dataclass(frozen=True)
class Mirrors:
    """A Debian mirror and, where known, the one with security updates."""

    main: str
    security: str | None = None


def parse_one_line(text: str) -> list[Source]:
    """The `deb ...` lines of a sources.list; `deb-src` and comments are left out.

    Format: sources.list(5), "One-line-style format".
    """
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<rest>[^#]+)", line.strip())
        words = match["rest"].split() if match else []
        if match is None or len(words) < 2:
            continue
        options = dict(
            word.split("=", 1) for word in (match["options"] or "").split() if "=" in word
        )
        found.append(Source(words[0], (words[1],), options.get("signed-by", "")))
    return found


def parse_deb822(text: str) -> list[Source]:
    """The enabled `deb` stanzas of a .sources file.

    Format: sources.list(5), "DEB822-style format".
    """
    found = []
    for stanza in re.split(r"\n[ \t]*\n", text):
        fields = _fields(stanza)
        types = fields.get("types", "").split()
        if "deb" not in types or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        suites = tuple(fields.get("suites", "").split())
        signed_by = fields.get("signed-by", "")
        found += [Source(uri, suites, signed_by) for uri in fields.get("uris", "").split()]
    return found


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1] in " \t" and name:
            fields[name] += "\n" + line.strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            name = key.strip().lower()
            fields[name] = value.strip()
    return fields


def choose(sources: Iterable[Source]) -> Mirrors | None:
    """Debian's own mirrors among `sources`; None when no main mirror is there.

    A host may list anybody's repositories: only those count whose path is that of a Debian
    mirror or that are signed by Debian's archive keyring.
    """
    main = security = None
    for source in sources:
        if source.uri.partition("://")[0] not in _SCHEMES:
            continue
        ours = "debian-archive-keyring" in source.signed_by
        uri = source.uri.rstrip("/")
        if uri.endswith("/debian-security") or (
            ours and any(suite.endswith("-security") for suite in source.suites)
        ):
            security = security or uri
        elif uri.endswith("/debian") or ours:
            main = main or uri
    return Mirrors(main, security) if main else None


def debootstrap_default(script: str) -> Mirrors | None:
    """The mirror that debootstrap's own text names as its default, with its security sibling."""
    match = re.search(r'^\s*DEF_MIRROR="?([a-z]+://[^"\s]+?/debian)/?"?\s*$', script, re.MULTILINE)
    return Mirrors(match[1], match[1] + "-security") if match else None


def find() -> Mirrors:
    """The mirrors to use on this host.

    Raises MachineError when nothing names one.
    """
    own = os.environ.get("ROUNDPEN_DEBIAN_MIRROR")
    if own:
        security = os.environ.get("ROUNDPEN_DEBIAN_SECURITY_MIRROR")
        return Mirrors(own.rstrip("/"), security.rstrip("/") if security else None)
    found = choose(_host_sources()) or debootstrap_default(_text(DEBOOTSTRAP))
    if found is None:
        raise RefusedError(
            "no Debian mirror known: the host's apt sources name none and debootstrap is missing",
            remedy="install debootstrap, or set $ROUNDPEN_DEBIAN_MIRROR to a mirror's address",
        )
    return found


def _host_sources() -> list[Source]:
    parts = APT_FOLDER / "sources.list.d"
    found = parse_one_line(_text(APT_FOLDER / "sources.list"))
    for path in sorted(parts.glob("*.list")):
        found += parse_one_line(_text(path))
    for path in sorted(parts.glob("*.sources")):
        found += parse_deb822(_text(path))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # not there or not for us to read: then it names no mirror
        return ""
