#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Try make targets as the first command in a fresh system: `scripts/fresh.py TARGET...`.

For each system and target: a minimal chroot (mmdebstrap), a clone of this checkout's last commit
in it, `make TARGET`, the chroot taken away. Needs root, because it mounts: inside a mount and a
process namespace of its own, which take mounts and processes along when they end. Nothing but
FOLDER (build/fresh) and, with --cache, that cache is written.

The chroot asks the mirrors that the host asks, through the proxy and by the pip configuration of
the host. Exit statuses as roundpen's own: 0 all passed, 1 one failed, 2 usage, 3 refused.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from roundpen.cli import exits  # noqa: E402
from roundpen.errors import MachineError, RefusedError, RoundpenError, UserError  # noqa: E402
from roundpen.packages import sources  # noqa: E402

FOLDER = ROOT / "build" / "fresh"
PLACE = "/root/roundpen"
"""Of the clone, in the chroot."""
INCLUDED = "ca-certificates,git,make"
"""Who has cloned this and types `make` has them."""
LIMIT = 7200.0
"""Seconds for one target."""
_TOOLS = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "git": "git", "tar": "tar"}
_UBUNTU_SCRIPT = Path("/usr/share/debootstrap/scripts/gutsy")
"""debootstrap's, of all Ubuntus: it names their mirror."""
_PASSED_ON = re.compile(
    r"(?i:(http|https|ftp|no)_proxy)|PIP_\w+|(CURL|REQUESTS)_CA_BUNDLE|SSL_CERT_(FILE|DIR)"
    r"|ROUNDPEN_DEBIAN_(SECURITY_)?MIRROR"
)
_APT_SETTINGS = re.compile(r"Acquire::(http|https|ftp|Retries|Check-)")
_PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip", "/root/.pip", "/root/.config/pip")

# In: $1 = the chroot, $2 = the command, then pairs of a host's path and its place in the chroot.
_INSIDE = r"""
root=$1 command=$2
shift 2
mount -t proc proc "$root/proc"
mount --bind -o ro /sys "$root/sys"
mount -t tmpfs -o mode=755 dev "$root/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
	mknod -m 666 "$root/dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
for link in fd: stdin:/0 stdout:/1 stderr:/2; do
	ln -s "/proc/self/fd${link#*:}" "$root/dev/${link%:*}"
done
while [ $# -gt 0 ]; do
	mkdir -p "$root$2"
	mount --bind "$1" "$root$2"
	[ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
	shift 3
done
exec chroot "$root" sh -c "$command"
"""


@dataclass(frozen=True)
class System:
    """A distribution's release: its name here and in the archive, and whose key signs it."""

    name: str
    suite: str
    components: str
    keyring: Path

    @property
    def lines(self) -> list[str]:
        """Its apt sources. Raises RefusedError when nothing names a mirror."""
        deb = f"deb [signed-by={self.keyring}]"
        if self.name.startswith("ubuntu"):
            return [f"{deb} {_ubuntu_mirror()} {self.suite} {self.components}"]
        mirrors = sources.find()
        lines = [f"{deb} {mirrors.main} {self.suite} {self.components}"]
        if mirrors.security is not None:
            lines.append(f"{deb} {mirrors.security} {self.suite}-security {self.components}")
        return lines


_DEBIAN = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_UBUNTU = Path("/usr/share/keyrings/ubuntu-archive-keyring.gpg")
SYSTEMS = {
    system.name: system
    for system in (
        System("debian-12", "bookworm", "main", _DEBIAN),
        System("debian-13", "trixie", "main", _DEBIAN),
        System("ubuntu-24.04", "noble", "main universe", _UBUNTU),
    )
}
TARGETS = ("test-quick", "lint")


@dataclass(frozen=True)
class Outcome:
    """What became of one target on one system. `status`: make's; -1: it took too long."""

    system: str
    target: str
    status: int
    seconds: float
    log: str

    @property
    def words(self) -> str:
        """For the table."""
        took = f"{self.seconds / 60:.1f} min"
        if self.status == 0:
            return f"passed, {took}"
        return f"cut off after {took}" if self.status == -1 else f"FAILED ({self.status}), {took}"


def say(words: str) -> None:
    """Progress, for whoever waits."""
    sys.stderr.write(f"fresh: {words}\n")
    sys.stderr.flush()


def _ubuntu_mirror() -> str:
    own = os.environ.get("ROUNDPEN_UBUNTU_MIRROR")
    if own:
        return own
    try:
        script = _UBUNTU_SCRIPT.read_text(encoding="utf-8")
    except OSError:
        script = ""
    names = {"aarch64": "ports", "arm64": "ports"}.get(platform.machine(), "archive")
    found = re.search(rf"default_mirror\s+(https?://{names}\.\S+)", script)
    if found is None:
        raise RefusedError(
            "no Ubuntu mirror known",
            remedy="install debootstrap, which knows one, or set $ROUNDPEN_UBUNTU_MIRROR",
        )
    return found[1]


def check_host(systems: Sequence[System]) -> None:
    """Raises RefusedError when this host can't do it: said before anything is made."""
    if os.geteuid() != 0:
        raise RefusedError(
            f"making a system and mounting in it needs root, and this is user {os.geteuid()}",
            remedy="run it as root: sudo scripts/fresh.py ...",
        )
    for system in systems:
        if not system.keyring.is_file():
            raise RefusedError(
                f"{system.name}: {system.keyring} is not there, so nothing of it can be checked",
                remedy="install the package that has it, or copy it from such a system",
            )
    missing = [package for tool, package in _TOOLS.items() if shutil.which(tool) is None]
    if missing:
        names = " ".join(missing)
        raise RefusedError(f"missing: {names}", remedy=f"apt-get install {names}")
    probe = subprocess.run(
        ["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True
    )
    if probe.returncode != 0:
        raise RefusedError(
            f"no namespaces here: {probe.stderr.strip()}",
            remedy="in a container: one that may mount (CAP_SYS_ADMIN)",
        )


def make_system(system: System, base: Path, log: Path) -> None:
    """Write the minimal system as a tar archive to `base`.

    Raises MachineError when the archive can't be had.
    """
    beside = base.with_suffix(".new.tar")
    command = [
        "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={INCLUDED}",
        *(f"--aptopt={line}" for line in apt_settings()),
        system.suite, str(beside), *system.lines,
    ]  # fmt: skip
    with log.open("wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        beside.unlink(missing_ok=True)
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        raise MachineError(
            f"{system.name}: mmdebstrap: exit status {done.returncode}: {said[-1:]}",
            remedy=f"all that it said is in {log}",
        )
    beside.replace(base)


def apt_settings() -> list[str]:
    """The host's settings that say how apt reaches an archive, and nothing else."""
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True)
    return [
        line.removesuffix(";")
        for line in done.stdout.splitlines()
        if _APT_SETTINGS.match(line) and not line.endswith('"";')
    ]


def pip_places() -> list[Path]:
    """Files and folders of this host that its pip configuration names."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True
    )
    words = re.findall(r"(?:file://)?(/[^\s'\"]+)", done.stdout)
    return [path for path in dict.fromkeys(map(Path, words)) if path.exists()]


def furnish(root: Path, log: Path) -> list[str]:
    """Put the clone and the host's ways to the network into the chroot.

    Returns what is to be mounted: host's path, place, "ro" or "rw", one after the other.
    """
    (root / PLACE[1:]).parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        subprocess.run(
            ["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(root / PLACE[1:])],
            check=True, stdout=out, stderr=out,
        )  # fmt: skip
    for name in ("/etc/resolv.conf", "/etc/hosts", *_PIP_FILES):
        _copy(Path(name), root)
    mounts: list[str] = []
    for path in pip_places():
        if path.is_dir():
            # pip's "simple" folders link to files beside them.
            folder = path.parent if path.name == "simple" else path
            mounts += [str(folder), str(folder), "ro"]
        else:
            _copy(path, root)
    return mounts


def _copy(path: Path, root: Path) -> None:
    there = root / str(path)[1:]
    if path.is_dir():
        shutil.copytree(path, there, dirs_exist_ok=True)
    elif path.is_file():
        there.parent.mkdir(parents=True, exist_ok=True)
        there.unlink(missing_ok=True)
        shutil.copyfile(path, there)


def try_target(
    system: System, target: str, base: Path, cache: Path | None, limit: float
) -> Outcome:
    """One target in one fresh chroot, which is gone afterwards."""
    name = f"{system.name}-{re.sub(r'[^A-Za-z0-9.=-]+', '-', target)}"
    log = FOLDER / f"{name}.log"
    log.write_bytes(b"")
    say(f"{system.name}: make {target}")
    with chroot(FOLDER / f"{name}.{os.getpid()}", base) as root:
        mounts = furnish(root, log)
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
            mounts += [str(cache), "/root/.cache/roundpen", "rw"]
        settings = {
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **{key: value for key, value in os.environ.items() if _PASSED_ON.fullmatch(key)},
        }
        command = f"cd {PLACE} && exec make {shlex.join(shlex.split(target))}"
        inside = ["sh", "-euc", _INSIDE, "fresh", str(root), command, *mounts]
        began = time.monotonic()
        status = _in_namespace(inside, settings, log, limit)
    took = time.monotonic() - began
    return Outcome(system.name, target, status, round(took, 1), str(log.relative_to(ROOT)))


def _in_namespace(command: list[str], settings: dict[str, str], log: Path, limit: float) -> int:
    """Its exit status; -1 when `limit` seconds were not enough."""
    outer = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    with log.open("ab") as out:
        child = subprocess.Popen(
            [*outer, "--", *command], env=settings, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        try:
            return child.wait(limit)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            # unshare takes its child along, and that, the first of its namespace, all others.
            if child.poll() is None:
                child.kill()
                child.wait()


@contextmanager
def chroot(root: Path, base: Path) -> Iterator[Path]:
    """The system unpacked at `root`, and removed when the block ends, however it ends."""
    root.mkdir(parents=True)
    try:
        # What is under /dev is made anew where it is mounted.
        subprocess.run(
            ["tar", "-xf", str(base), "-C", str(root), "--numeric-owner", "--exclude=./dev/*"],
            check=True,
        )
        yield root
    finally:
        # A mount would be in the namespace alone, which has ended; never cross one all the same.
        subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True)


def hand_over() -> None:
    """Give what was written in the checkout to whoever called sudo, so that `make clean` works."""
    user, group = (int(os.environ.get(name, "0")) for name in ("SUDO_UID", "SUDO_GID"))
    for path in (FOLDER.parent, FOLDER, *FOLDER.iterdir()):
        os.chown(path, user, group)


def table(outcomes: Sequence[Outcome]) -> str:
    """Targets down, systems across."""
    systems = list(dict.fromkeys(one.system for one in outcomes))
    targets = list(dict.fromkeys(one.target for one in outcomes))
    cells = {(one.target, one.system): one.words for one in outcomes}
    rows = [["make", *systems]]
    rows += [[target, *(cells.get((target, name), "-") for name in systems)] for target in targets]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/fresh.py",
        description="Try make targets as the first command in a fresh minimal system. Needs root.",
        epilog="Example: sudo scripts/fresh.py --system debian-13 lint 'fuzz FUZZ_SECONDS=20'",
    )
    parser.add_argument(
        "target", nargs="*", default=list(TARGETS), help="words for make; default: %(default)s"
    )
    parser.add_argument(
        "--system", action="append", choices=SYSTEMS, help="default: debian-12 and debian-13"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="share this cache instead of starting cold"
    )
    parser.add_argument(
        "--bases", type=Path, metavar="FOLDER", help="keep the bare systems there, and take them"
    )
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one target")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes there too")
    return parser.parse_args()


def run(args: argparse.Namespace) -> list[Outcome]:
    """All targets on all systems.

    Raises RefusedError when this host can't do it, UserError for a checkout that is none.
    """
    systems = [SYSTEMS[name] for name in args.system or ("debian-12", "debian-13")]
    check_host(systems)
    if not (ROOT / ".git").exists():
        raise UserError(f"{ROOT}: no clone of a git repository", remedy="run it in one")
    changed = subprocess.run(
        ["git", "-C", str(ROOT), "status", "--porcelain"], capture_output=True, text=True
    )
    if changed.stdout:
        say("what is not committed here is not tried")
    bases = args.bases or FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    bases.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for system in systems:
        base = bases / f"{system.name}.tar"
        if args.bases is None or not base.is_file():
            say(f"{system.name}: making the bare system")
            make_system(system, base, FOLDER / f"{system.name}.log")
        try:
            for target in args.target:
                outcomes.append(try_target(system, target, base, args.cache, args.limit))
                say(f"{system.name}: make {target}: {outcomes[-1].words}")
        finally:
            if args.bases is None:
                base.unlink()
            hand_over()
    return outcomes


def main() -> int:
    """The exit status."""
    args = arguments()
    # As Ctrl-C: what was made is taken away.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        outcomes = run(args)
    except RoundpenError as error:
        say(str(error))
        return exits.of_error(error)
    except KeyboardInterrupt:
        say("interrupted")
        return exits.Exit.INTERRUPTED
    if args.json is not None:
        args.json.write_text(json.dumps([asdict(one) for one in outcomes], indent=2) + "\n")
    sys.stdout.write(table(outcomes))
    failed = [one for one in outcomes if one.status != 0]
    for one in failed:
        sys.stdout.write(f"{one.system}, make {one.target}: {one.log}\n")
    return exits.Exit.FOUND if failed else exits.Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
