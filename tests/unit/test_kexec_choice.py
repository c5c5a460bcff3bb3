# SPDX-License-Identifier: BSD-2-Clause
"""What a system would boot next: Debian's own files, and who decides when several could."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roundpen.errors import UserError
from roundpen.kexec import choice
from roundpen.report import kexec_list
from tests.unit.boot_system import KERNELS, MODEL, NEWER, UUID, System

ADVANCED = f"gnulinux-advanced-{UUID}"


def test_debian_grub(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-grub")
    system.kernels()
    system.efi()
    entry = system.default()
    assert entry.title == "Debian GNU/Linux"
    assert system.place(entry.kernel) == f"/boot/vmlinuz-{NEWER}"
    assert system.place(entry.initrd) == f"/boot/initrd.img-{NEWER}"
    assert entry.command_line == "root=/dev/vda2 ro quiet"
    assert entry.source == "/boot/grub/grub.cfg:77"
    assert entry.dtb is None
    assert not entry.remarks
    assert entry.reason == "default is 0 in /boot/grub/grub.cfg"
    titles = [entry.title for entry in system.look().entries]
    front = "Advanced options for Debian GNU/Linux > Debian GNU/Linux, with Linux"
    assert titles == [
        "Debian GNU/Linux",
        f"{front} {NEWER}",
        f"{front} {NEWER} (recovery mode)",
        f"{front} {KERNELS[0]}",
        f"{front} {KERNELS[0]} (recovery mode)",
    ]


@pytest.mark.parametrize(
    ("saved", "kernel"),
    [
        (f"{ADVANCED}>gnulinux-6.1.0-56-arm64-advanced-{UUID}", KERNELS[0]),
        ("1>2", KERNELS[0]),
        ("1>0", NEWER),
        ("1", NEWER),
        ("0", NEWER),
        ("7", NEWER),
        ("no such entry", NEWER),
        (
            "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-56-arm64",
            KERNELS[0],
        ),
    ],
)
def test_debian_grub_reboot(tmp_path: Path, saved: str, kernel: str) -> None:
    """grub-reboot writes next_entry, which counts once, before the default."""
    system = System(tmp_path, "debian-grub")
    system.kernels()
    system.efi()
    system.grubenv(next_entry=saved)
    entry = system.default()
    assert system.place(entry.kernel) == f"/boot/vmlinuz-{kernel}"
    assert entry.reason == f"next_entry={saved} in /boot/grub/grubenv"


def test_debian_grub_saved_default(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-grub")
    system.kernels()
    system.efi()
    config = tmp_path / "boot/grub/grub.cfg"
    config.write_text(config.read_text().replace('default="0"', 'default="${saved_entry}"'))
    assert system.default().reason == "it is the first one, /boot/grub/grub.cfg sets no default"
    system.grubenv(saved_entry="1>2")
    assert system.place(system.default().kernel) == f"/boot/vmlinuz-{KERNELS[0]}"


def test_debian_grub_custom_file(tmp_path: Path) -> None:
    """41_custom reads custom.cfg; menu numbers go on over it."""
    system = System(tmp_path, "debian-grub")
    system.kernels()
    system.efi()
    system.write("/boot/mine")
    system.write(
        "/boot/grub/custom.cfg",
        "menuentry mine {\n linux /boot/mine a='b c' \"d\"\n}\nset default=2\n",
    )
    entry = system.default()
    assert (entry.title, entry.source) == ("mine", "/boot/grub/custom.cfg:1")
    assert entry.command_line == '"a=b c" d'


def test_debian_u_boot_menu(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-u-boot-menu")
    system.kernels()
    entry = system.default()
    assert entry.title == f"Debian GNU/Linux 13 (trixie) {NEWER}"
    assert system.place(entry.kernel) == f"/boot/vmlinuz-{NEWER}"
    assert system.place(entry.initrd) == f"/boot/initrd.img-{NEWER}"
    assert entry.command_line == f"root=UUID={UUID} ro quiet"
    assert entry.source == "/boot/extlinux/extlinux.conf:14"
    assert entry.reason == "default l0 (/boot/extlinux/extlinux.conf:8)"
    assert entry.dtb is None
    assert "fdtfile" in entry.remarks[0]
    assert len(system.look().entries) == 4


def test_debian_raspi_firmware(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-raspi")
    system.kernels()
    system.kernels("/boot/firmware")
    system.write("/proc/device-tree/model", MODEL.encode() + b"\0")
    own = (tmp_path / "boot/firmware/cmdline.txt").read_text().split()
    entry = system.default()
    assert entry.title == f"{MODEL}: vmlinuz-{NEWER}"
    assert system.place(entry.kernel) == f"/boot/firmware/vmlinuz-{NEWER}"
    assert system.place(entry.initrd) == f"/boot/firmware/initrd.img-{NEWER}"
    assert entry.command_line.split() == own
    assert entry.remarks == (
        "what the firmware adds to the command line is not known and not in it",
    )
    # Booted by the firmware: what it has put in front of it is in /proc/cmdline.
    system.write("/proc/cmdline", "smsc95xx.macaddr=B8:27:EB:00:00:01 " + " ".join(own) + "\n")
    entry = system.default()
    assert entry.command_line.split() == ["smsc95xx.macaddr=B8:27:EB:00:00:01", *own]
    assert not entry.remarks


def test_debian_boot_folder(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.kernels()
    system.write("/boot/vmlinuz-6.12.118+deb13-arm64.dpkg-bak")
    system.write("/boot/vmlinuz-6.13-rc3-arm64.sig")
    system.write("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz-6.1 root=/dev/vda1 ro\n")
    entry = system.default()
    assert entry.title == f"Linux {NEWER}"
    assert entry.command_line == "root=/dev/vda1 ro"
    assert entry.reason == "it is the newest in /boot, and no link says"
    (tmp_path / "vmlinuz").symlink_to(f"boot/vmlinuz-{KERNELS[0]}")
    entry = system.default()
    assert entry.title == f"Linux {KERNELS[0]}"
    assert entry.reason == "/vmlinuz is it"
    assert system.place(entry.initrd) == f"/boot/initrd.img-{KERNELS[0]}"
    assert len(system.look().entries) == 2


def test_an_absolute_link_stays_below_the_root(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.kernels()
    (tmp_path / "boot/vmlinuz").symlink_to(f"/boot/vmlinuz-{KERNELS[0]}")
    assert system.default().reason == "/boot/vmlinuz is it"
    (tmp_path / "boot/vmlinuz-9").symlink_to("/../../etc/hostname")
    system.write("/etc/hostname")
    nine = next(entry for entry in system.look().entries if entry.title == "Linux 9")
    assert nine.kernel == tmp_path / "etc/hostname"


def test_a_name_that_no_file_has(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.write("/boot/extlinux/extlinux.conf", f"label a\nlinux /{'x' * 5000}\n")
    assert system.default().remarks[0].endswith("x is not there")


def test_no_permission_for_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fedora's /boot/loader and Debian's /sys/firmware/efi/efivars are root's."""

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied")

    system = System(tmp_path, "debian-grub")
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(UserError, match="Permission denied; run as root"):
        system.look()


def test_links_in_a_circle(tmp_path: Path) -> None:
    system = System(tmp_path)
    system.kernels()
    (tmp_path / "vmlinuz").symlink_to("vmlinuz")
    with pytest.raises(UserError, match="/vmlinuz: too many links"):
        system.look()


def test_nothing_there(tmp_path: Path) -> None:
    system = System(tmp_path)
    assert system.look() == choice.Menu()
    with pytest.raises(UserError, match="no kernel in /boot; give KERNEL"):
        system.default()
    assert next(kexec_list.lines(system.look())).startswith("nothing found")


# --- several loaders -----------------------------------------------------------------------


def everything(tmp_path: Path) -> System:
    system = System(tmp_path, "debian-grub")
    for like in ("debian-u-boot-menu", "debian-raspi"):
        System(tmp_path, like)
    system.kernels()
    system.kernels("/boot/firmware")
    return system


def test_firmware_decides(tmp_path: Path) -> None:
    menu = everything(tmp_path).look()
    assert menu.entries[0].default
    assert menu.entries[0].source == "/boot/firmware/config.txt:16"
    assert sum(entry.default for entry in menu.entries) == 1
    # Debian's list adds nothing that is already named.
    assert not [entry for entry in menu.entries if entry.title.startswith("Linux ")]


def test_u_boot_decides(tmp_path: Path) -> None:
    system = everything(tmp_path)
    system.write("/proc/device-tree/chosen/u-boot,version", b"2025.01\0")
    assert system.default().source == "/boot/extlinux/extlinux.conf:14"


def test_firmware_starts_u_boot(tmp_path: Path) -> None:
    system = everything(tmp_path)
    system.write("/boot/firmware/config.txt", "arm_64bit=1\nkernel=u-boot.bin\n")
    assert system.default().source == "/boot/extlinux/extlinux.conf:14"


def test_efi_decides(tmp_path: Path) -> None:
    system = everything(tmp_path)
    system.efi()
    assert system.default().source == "/boot/grub/grub.cfg:77"


def test_a_damaged_file_that_decides_is_an_error(tmp_path: Path) -> None:
    system = everything(tmp_path)
    system.efi()
    system.write("/boot/grub/grub.cfg", "menuentry 'x {\n}\n")
    with pytest.raises(UserError, match=r"/boot/grub/grub\.cfg:1: a ' that is not closed"):
        system.look()


def test_a_damaged_file_that_does_not_is_a_note(tmp_path: Path) -> None:
    system = everything(tmp_path)
    system.write("/boot/grub/grub.cfg", "menuentry 'x {\n}\n")
    menu = system.look()
    assert menu.entries[0].default
    assert menu.remarks == ("/boot/grub/grub.cfg:1: a ' that is not closed; run update-grub",)


def test_a_kernel_that_is_not_there(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-grub")
    system.efi()
    assert system.default().remarks == (
        f"/boot/vmlinuz-{NEWER} is not there",
        f"/boot/initrd.img-{NEWER} is not there",
    )


def test_a_boot_partition(tmp_path: Path) -> None:
    """Loaders know no mount points: /vmlinuz-X is /boot/vmlinuz-X where /boot is mounted."""
    system = System(tmp_path, "debian-grub")
    config = tmp_path / "boot/grub/grub.cfg"
    config.write_text(config.read_text().replace("\t/boot/", "\t/"))
    system.efi()
    system.kernels()
    system.kernels("/")
    assert system.place(system.default().kernel) == f"/boot/vmlinuz-{NEWER}"
    system.write("/proc/self/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n")
    assert system.place(system.default().kernel) == f"/vmlinuz-{NEWER}"
    system.write(
        "/proc/self/mountinfo",
        "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n25 24 254:1 / /boot rw - ext4 /dev/vda1 rw\n",
    )
    assert system.place(system.default().kernel) == f"/boot/vmlinuz-{NEWER}"


def test_a_subvolume(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-grub")
    config = tmp_path / "boot/grub/grub.cfg"
    config.write_text(config.read_text().replace("\t/boot/", "\t/@rootfs/boot/"))
    system.efi()
    system.kernels()
    system.write("/proc/self/mountinfo", "24 1 0:20 /@rootfs / rw - btrfs /dev/vda2 rw\n")
    assert system.place(system.default().kernel) == f"/boot/vmlinuz-{NEWER}"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_no_permission(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-grub")
    system.efi()
    (tmp_path / "boot/grub/grub.cfg").chmod(0)
    with pytest.raises(UserError, match="Permission denied; run as root"):
        system.look()


# --- the report ----------------------------------------------------------------------------


def test_the_list(tmp_path: Path) -> None:
    system = System(tmp_path, "debian-u-boot-menu")
    system.kernels()
    text = list(kexec_list.lines(system.look()))
    assert text[0] == f"* Debian GNU/Linux 13 (trixie) {NEWER}"
    assert "    boots next   default l0 (/boot/extlinux/extlinux.conf:8)" in text
    assert max(map(len, text)) <= kexec_list.WIDTH + len(str(tmp_path))
    read = json.loads(kexec_list.document(system.look()))
    assert read["format"] == "roundpen-kexec-list-1"
    assert [entry["default"] for entry in read["entries"]] == [True, False, False, False]
    assert read["entries"][1]["reason"] is None


PLACES = (
    "/boot/grub/grub.cfg",
    "/boot/grub/grubenv",
    "/boot/extlinux/extlinux.conf",
    "/boot/firmware/config.txt",
    "/boot/firmware/cmdline.txt",
    "/boot/loader/entries/a.conf",
    "/boot/loader/loader.conf",
    "/proc/self/mountinfo",
    "/proc/cmdline",
)
WORDS = """
menuentry submenu linux initrd if then else elif fi { } [ ] ; set default=1 $x ${x} ' " \\ # >
function f while do done blscfg source $prefix/grub.cfg load_env -s -a -o ! ( ) = /vmlinuz/
label append kernel include default menu [pi3] [gpio4=1] [all] include=config.txt kernel=x
initramfs os_prefix=../ options title version sort-key $kernelopts
"""
SNIPPETS = st.sampled_from([*WORDS.split(), "\n", "\t", "\0", "\x1b", "\xff"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    texts=st.lists(
        st.tuples(st.sampled_from(PLACES), st.one_of(st.text(), st.lists(SNIPPETS).map(" ".join))),
        max_size=4,
    ),
    efi=st.booleans(),
)
def test_whatever_the_files_hold(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str]], efi: bool
) -> None:
    """An answer or a UserError, and nothing that a terminal would act upon."""
    system = System(tmp_path_factory.mktemp("system"))
    system.write("/boot/firmware/start.elf")
    if efi:
        system.efi()
    for place, text in texts:
        system.write(place, text.encode("utf-8", "surrogatepass"))
    try:
        menu = system.look()
    except UserError as error:
        assert error.remedy
        return
    assert sum(entry.default for entry in menu.entries) <= 1
    for entry in menu.entries:
        assert entry.kernel.is_relative_to(system.root)
    json.loads(kexec_list.document(menu))
    for line in kexec_list.lines(menu):
        assert line.isprintable()
