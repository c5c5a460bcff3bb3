# SPDX-License-Identifier: BSD-2-Clause
"""A real Debian arm64 system on a disk: systemd, apt, initramfs-tools; no network.

Debian's packages are only unpacked on the host; whatever they want to run, they run in an
emulated machine (PSCI, the lab's yardstick), once. The disk that it leaves is kept by content.
"""

from __future__ import annotations

import logging
import os
import secrets
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from roundpen import cache, scratch
from roundpen.errors import MachineError, RefusedError
from roundpen.kernel import debian
from roundpen.lab import emulator, run
from roundpen.lab.guest import root
from roundpen.lab.guest.root import Member
from roundpen.lab.machines import machine
from roundpen.lab.qemu import common_arguments
from roundpen.packages import archive
from roundpen.packages.apt import Deb, closure, fetch
from roundpen.packages.unpack import depends

ARCHITECTURE = "arm64"
PASSWORD = "spin-table"
"""Root's, in a guest without a network."""
DISK = 4 << 30
"""Bytes. A power of two: QEMU's SD cards have no other sizes. Sparse."""
_STANDARD = ("?essential", "?priority(required)", "?priority(important)", "systemd-sysv", "dbus")
"""What debootstrap installs, and what systemd recommends."""
_ESSENTIAL = ("?essential", "apt")
_INSTALLER = "debian-6.12"
_INSTALLER_MODULES = ("virtio_mmio", "virtio_blk", "ext4", "crc32c_generic")
_MODULES = ("bcm2835", "sdhci-iproc", "mmc_block")
"""For an initrd that was made on one machine and boots another: a Raspberry Pi's SD card."""
_RECIPE = "1"
"""Part of every disk's key: raise it when a disk made before is not what is made now."""
_INSTALLATION = 3600
"""Seconds. Seen: 6 minutes on an idle host of two cores."""
ROOM = 512
"""MiB for the translations of a whole system's programs, not just of a kernel's (lab/qemu.py):
with a kernel's worth QEMU translates again and again."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class System:
    """What is installed beside the standard system, and what only lies in the archive.

    `kernels`: of the suite's backports, by (package with its suite) names; each is installed as
    its newest. `installed`, `archive`: names for apt; the archive brings what they depend on.
    """

    suite: str
    backports: tuple[str, ...]
    installed: tuple[str, ...]
    archive: tuple[str, ...]


STOCK = System(
    suite="trixie",
    backports=("linux-image-arm64",),
    installed=("linux-image-arm64", "initramfs-tools", "zstd", "python3"),
    archive=(
        "linux-headers-arm64",
        "dkms",
        "gcc",
        "make",
        "kexec-tools",
        "python3-libfdt",
        "python3-zstandard",
        "python3-lz4",
        "python3-rich",
    ),
)
"""Debian 13 as it is a minute after its installer, with the newest kernel of its backports beside
its own. What `apt install ./roundpen*.deb` asks for is in the archive, and not installed."""


@dataclass(frozen=True)
class Disk:
    """A system's disk, raw, and copies of what a loader takes from it, by kernel release."""

    image: Path
    boot: Path

    def releases(self) -> list[str]:
        """The kernels on it, oldest first."""
        names = [path.name.removeprefix("vmlinuz-") for path in self.boot.glob("vmlinuz-*")]
        return sorted(names, key=_version)

    def kernel(self, release: str) -> Path:
        """The kernel's Image."""
        return self.boot / f"vmlinuz-{release}"

    def initrd(self, release: str) -> Path:
        """The kernel's initrd, as initramfs-tools made it in the system."""
        return self.boot / f"initrd.img-{release}"


def _version(release: str) -> list[int]:
    return [int(part) for part in release.split("+")[0].split(".")]


@dataclass(frozen=True)
class _Packages:
    """What a system consists of."""

    essential: tuple[Deb, ...]
    others: tuple[Deb, ...]
    archive: tuple[Deb, ...]


def disk(system: System) -> Disk:
    """The disk of `system`, installed when the cache lacks it.

    Raises MachineError when a package can't be had or the installation fails, RefusedError when
    the host lacks a tool.
    """
    packages = _resolve(system)
    scripts = [_text(name) for name in ("second_stage.init", "second_stage.sh")]
    digests = [deb.sha256 for group in (packages.others, packages.archive) for deb in group]
    key = cache.digest(_RECIPE, *scripts, *_MODULES, "|", *digests)
    image = cache.entry("debian-disks", key, lambda folder: _install(packages, folder)) / "disk.img"
    # Apart: what takes half an hour is not lost when what takes a second fails.
    taken = cache.entry("debian-boot", key, lambda folder: _dump(image, folder))
    return Disk(image, taken / "boot")


def _resolve(system: System) -> _Packages:
    newer = f"{system.suite}-backports"
    metas = (fetch(newer, ARCHITECTURE, f"{name}/{newer}") for name in system.backports)
    images = [
        f"{name}/{newer}"
        for meta in metas
        for name in depends(meta)
        if name.startswith("linux-image-")
    ]
    installed = closure(newer, ARCHITECTURE, [*_STANDARD, *system.installed, *images])
    held = {deb.package for deb in installed}
    wanted = closure(newer, ARCHITECTURE, [*_ESSENTIAL, *system.archive])
    essential = closure(newer, ARCHITECTURE, _ESSENTIAL)
    return _Packages(
        essential=essential,
        others=installed,
        archive=tuple(deb for deb in wanted if deb.package not in held),
    )


def _install(packages: _Packages, folder: Path) -> None:
    _log.info("guest: installing a Debian system of %d packages", len(packages.others))
    with scratch.folder("debian", cache.root()) as here:
        installer = _installer(packages, here)
        image = folder / "disk.img"
        _unpack_essential(packages, here / "root", image)
        nonce = secrets.token_hex(16)
        initrd = here / "initrd.cpio"
        initrd.write_bytes(_initrd(nonce))
        _run_second_stage([image, installer], initrd, nonce, here)


def _installer(packages: _Packages, here: Path) -> Path:
    """The disk with the archive that the system is installed from."""
    root_ = here / "installer"
    archive.make(packages.others, root_ / "archive")
    (root_ / "second_stage.sh").write_text(_text("second_stage.sh"), encoding="utf-8")
    essential = [deb.path.name for deb in packages.essential]
    others = [deb.package for deb in packages.others if deb not in packages.essential]
    settings = {
        "essential": " ".join(essential),
        "others": " ".join(others),
        "modules": " ".join(_MODULES),
        "hostname": "debian",
        "password": PASSWORD,
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (root_ / "settings").write_text("".join(lines), encoding="utf-8")
    image = here / "installer.img"
    size = sum(deb.path.stat().st_size for deb in packages.others) * 5 // 4 + (32 << 20)
    tool(
        [
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            "installer",
            "-d",
            str(root_),
            str(image),
            f"{size >> 10}k",
        ]
    )
    return image


def _unpack_essential(packages: _Packages, folder: Path, image: Path) -> None:
    """The system's disk as far as it can be made without running anything of it."""
    archive.make(packages.archive, folder / "srv/archive")
    (folder / "var/lib/dpkg").mkdir(parents=True)
    (folder / "var/lib/dpkg/status").touch()
    # base-files first: it has the links from /bin to /usr/bin and the like.
    debs = sorted(packages.essential, key=lambda deb: deb.package != "base-files")
    lines = ["set -e", "folder=$1 image=$2 size=$3", "shift 3", 'chown -R 0:0 "$folder"']
    lines += ['for deb; do dpkg-deb --fsys-tarfile "$deb" |'
              ' tar -x -p -C "$folder" --keep-directory-symlink; done',
              'mke2fs -q -t ext4 -L root -d "$folder" "$image" "$size"k']  # fmt: skip
    paths = [str(deb.path) for deb in debs]
    command = ["sh", "-c", "\n".join(lines), "sh", str(folder), str(image), str(DISK >> 10), *paths]
    # Owners and modes as the packages have them, without being root.
    tool(["fakeroot", "--", *command])


def _initrd(nonce: str) -> bytes:
    files = root.base()
    modules = debian.kernel(_INSTALLER).modules(_INSTALLER_MODULES)
    files |= {f"lib/modules/{name}": Member(content) for name, content in modules}
    files["modules"] = Member("".join(f"{name}\n" for name, _ in modules).encode())
    files["init"] = Member(_text("second_stage.init").encode(), executable=True)
    files["nonce"] = Member(f"{nonce}\n".encode())
    return root.archive(files)


def drives(images: Iterable[Path]) -> list[str]:
    """QEMU's arguments for virtio disks. Which name each gets is the kernel's to say."""
    found = []
    for number, image in enumerate(images):
        drive = f"file={image},format=raw,if=none,id=disk{number},cache=unsafe"
        found += ["-drive", drive, "-device", f"virtio-blk-device,drive=disk{number}"]
    return found


def _run_second_stage(images: Sequence[Path], initrd: Path, nonce: str, here: Path) -> None:
    yardstick = machine("psci")
    found = emulator.find(yardstick)
    kernel = debian.kernel(_INSTALLER).image
    accelerator = f"tcg,thread=multi,tb-size={ROOM}"
    command = [*found.command, "-machine", "virt,gic-version=3", "-accel", accelerator,
               "-nic", "none", "-cpu", "cortex-a72", "-smp", "2", "-m", "2048M",
               *common_arguments(yardstick), *drives(images),
               "-kernel", str(kernel), "-initrd", str(initrd), "-append", "console=ttyAMA0 quiet",
               ]  # fmt: skip

    def observe(line: str, seconds: float) -> bool:
        _log.debug("%s", line)
        if line.startswith("second stage: "):
            _log.info("guest: [%5.1f s] %s", seconds, line)
        return False

    console = run.run(command, observe, timeout=_INSTALLATION, folder=here)
    ended = f"second stage {nonce}: 0"
    if ended not in console.lines or console.fatal:
        kept = cache.root() / "transcripts" / f"second-stage-{nonce[:8]}.txt"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(console.text(), encoding="utf-8")
        raise MachineError(
            "guest: the Debian system could not be installed: "
            f"{console.fatal or console.lines[-3:]}",
            remedy=f"all that it said is in {kept}",
        )


def _dump(image: Path, folder: Path) -> None:
    """Copy /boot out of the disk; debugfs reads it without mounting."""
    tool(["debugfs", "-R", f"rdump /boot {folder}", str(image)])
    if not list(folder.glob("boot/initrd.img-*")):
        raise MachineError(
            f"{image}: no /boot/initrd.img-* in the installed system",
            remedy=f"remove {image.parent}: it is installed anew",
        )


def put(image: Path, files: Mapping[str, Path]) -> None:
    """Write files, by their places in the guest, into a disk's root, without mounting it.

    They are root's, with the modes that they have here.
    """
    for place, path in files.items():
        mode = path.stat().st_mode
        tool(["debugfs", "-w", "-R", f"write {path} {place}", str(image)])
        tool(["debugfs", "-w", "-R", f"set_inode_field {place} mode 0{mode:o}", str(image)])


def tool(command: Sequence[str]) -> None:
    """Run a program of the host's on disks. Raises RefusedError without it, MachineError."""
    # Where a user's own PATH does not lead to.
    environment = dict(os.environ, PATH=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
    except FileNotFoundError as error:
        raise RefusedError(
            f"{command[0]}: not there", remedy="install the packages e2fsprogs and fakeroot"
        ) from error
    if done.returncode != 0:
        raise MachineError(
            f"{command[0]}: exit status {done.returncode}: {done.stderr.strip()[-600:]}"
        )


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
