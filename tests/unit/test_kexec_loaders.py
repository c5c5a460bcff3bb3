# SPDX-License-Identifier: BSD-2-Clause
"""Loaders' configurations, rule by rule: what U-Boot, GRUB, systemd-boot and a Pi's firmware
make of them. The files of whole systems are in test_kexec_choice.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.errors import UserError
from roundpen.kexec import bls, config_txt, extlinux, grub, raspberry
from roundpen.kexec.entry import Menu
from roundpen.kexec.places import Root
from tests.unit.boot_system import System

IDENT = "6a9857a393724b7a981ebb5b8495b9ea"


def default(menu: Menu) -> str:
    """The title of the default, or why there is none."""
    return next((entry.title for entry in menu.entries if entry.default), "; ".join(menu.remarks))


# --- U-Boot --------------------------------------------------------------------------------


def read_extlinux(tmp_path: Path, text: str, **more: str) -> Menu:
    system = System(tmp_path)
    system.write("/boot/extlinux/extlinux.conf", text)
    for name, inner in more.items():
        system.write(f"/boot/extlinux/{name}", inner)
    return extlinux.menu(Root(tmp_path))


def test_extlinux_words(tmp_path: Path) -> None:
    menu = read_extlinux(
        tmp_path,
        "DEFAULT two\nLABEL one\n  KERNEL ../vmlinuz-1\n"
        "LABEL two\n  MENU LABEL The second\n  LINUX /boot/vmlinuz-2 \n"
        "  devicetree board.dtb\n  append first\n  append a=1 # no comment\n"
        "  initrd /boot/i\n  initrd /boot/ignored\n",
    )
    one, two = menu.entries
    assert one.kernel == tmp_path / "boot/vmlinuz-1"
    assert two.title == "The second"
    assert two.default
    # The value is the rest of the line, blanks at its end too.
    assert two.kernel == tmp_path / "boot/vmlinuz-2 "
    assert two.dtb == tmp_path / "boot/extlinux/board.dtb"
    assert two.command_line == "a=1 # no comment"
    assert two.initrd == tmp_path / "boot/i"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("label a\nlinux /a\nlabel b\nlinux /b\n", "a"),
        ("label a\nlinux /a\nlabel b\nlinux /b\nontimeout b\n", "b"),
        ("default b\nlabel a\nlinux /a\nlabel b\nlinux /b\ndefault a\n", "a"),
        ("label a\nlinux /a\nlabel b\nmenu default\nlinux /b\n", "b"),
        ("default a\nlabel a\nlinux /a\nlabel b\nmenu default\nlinux /b\n", "a"),
        ("default none\nlabel a\nlocalboot 1\nlabel b\nlinux /b\n", "b"),
        (
            "default a\nlabel a\nlocalboot 1\nlabel b\nlinux /b\n",
            "/boot/extlinux/extlinux.conf:2: the default label has no kernel",
        ),
    ],
)
def test_extlinux_default(tmp_path: Path, text: str, expected: str) -> None:
    assert default(read_extlinux(tmp_path, text)) == expected


def test_extlinux_an_unknown_word_ends_the_label(tmp_path: Path) -> None:
    """boot/pxe_utils.c, parse_label(): what follows belongs to no label."""
    menu = read_extlinux(tmp_path, "label a\nlinux /a\ncom32 x\nappend lost\n")
    assert menu.entries[0].command_line == ""


def test_extlinux_initrd_in_append(tmp_path: Path) -> None:
    menu = read_extlinux(tmp_path, "label a\nlinux /a\nappend initrd=/boot/i root=/dev/x\n")
    assert menu.entries[0].initrd == tmp_path / "boot/i"


def test_extlinux_include(tmp_path: Path) -> None:
    menu = read_extlinux(tmp_path, "include more\ndefault b\n", more="label b\nlinux /b\n")
    assert default(menu) == "b"
    assert menu.entries[0].source == "/boot/extlinux/more:1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label a\nlinux\n", ':2: "linux" without a value'),
        ("label\n", ':1: "label" without a value'),
        ("default # x\n", ':1: "default" without a value'),
        ("include none\n", "/boot/extlinux/none: is included and not there"),
        ("include extlinux.conf\n", "included more than 16 deep"),
        ("label a\n" * 1001, "more than 1000 labels"),
    ],
)
def test_extlinux_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_extlinux(tmp_path, text)


def test_extlinux_what_can_not_be_known(tmp_path: Path) -> None:
    menu = read_extlinux(
        tmp_path, "label a\nlinux /fit#conf-1\nfdtoverlays /o\nipappend 3\nappend x=${x}\n"
    )
    remarks = " ".join(menu.entries[0].remarks)
    for word in ("overlays", "network", "FIT", "variables"):
        assert word in remarks


# --- GRUB ----------------------------------------------------------------------------------


def read_grub(tmp_path: Path, text: str, **grubenv: str) -> Menu:
    system = System(tmp_path)
    system.write("/boot/grub/grub.cfg", text)
    if grubenv:
        system.grubenv(**grubenv)
    return grub.menu(Root(tmp_path))


def entries(*titles: str) -> str:
    return "".join(f"menuentry '{title}' {{\n linux /{title}\n}}\n" for title in titles)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set default=1\n", "b"),
        ("default=b\n", "b"),
        ('set default="0x1"\n', "b"),
        ("set default=01\n", "b"),
        # Digits at the front are a number, whatever follows.
        ('set default="1 and more"\n', "b"),
        ("set default=-1\n", "a"),
        ("set default=9\n", "a"),
        ("if false; then set default=b; else set default=c; fi\n", "c"),
        ("if [ a = b -o -n x ]; then set default=b; fi\n", "b"),
        ("if ! [ -f $prefix/none ]; then set default=b; fi\n", "b"),
        ("if [ -f $prefix/grub.cfg -a ! -s /none ]; then set default=b; fi\n", "b"),
        ("if [ 3 -gt 2 ]; then set default=b; fi\n", "b"),
        ("if [ -z ]; then true; fi; set default=b\n", "b"),
        ("function f {\n set default=$1\n}\nf b\n", "b"),
        ("x=b; y=default; set default=$x\n", "b"),
        ("set default='b'; unset default\n", "a"),
        ("set default=b # ; set default=c\n", "b"),
        ("set \\\n default=b\n", "b"),
        ('set x="b"; set default="$x"\n', "b"),
        ("if loadfont x; then set timeout=0; fi; set default=b\n", "b"),
    ],
)
def test_grub_default(tmp_path: Path, text: str, expected: str) -> None:
    assert default(read_grub(tmp_path, text + entries("a", "b", "c"))) == expected


def test_grub_default_that_only_grub_knows(tmp_path: Path) -> None:
    text = "if keystatus --shift; then set default=b; fi\n"
    menu = read_grub(tmp_path, text + entries("a", "b"))
    assert default(menu) == '/boot/grub/grub.cfg: "default" is set by what only GRUB can know'


def test_grub_loop(tmp_path: Path) -> None:
    text = "for x in a b; do set default=$x; done\nset y=1\nwhile true; do set z=1; done\n"
    assert "only GRUB can know" in default(read_grub(tmp_path, text + entries("a", "b")))


def test_grub_entry_that_may_not_be_there(tmp_path: Path) -> None:
    text = f"if keystatus; then\n{entries('a')}fi\n{entries('b')}"
    first, second = read_grub(tmp_path, text).entries
    assert "depends on what only GRUB can know" in first.remarks[0]
    assert not second.remarks


def test_grub_other_default(tmp_path: Path) -> None:
    text = "menuentry 'Firmware' --id fw {\n fwsetup\n}\n" + entries("a")
    assert default(read_grub(tmp_path, text)) == (
        '/boot/grub/grub.cfg:1: the default entry, "Firmware", starts no Linux kernel'
    )


def test_grub_ubuntu_handoff(tmp_path: Path) -> None:
    """Ubuntu's grub.cfg puts a variable into the command line that a function sets."""
    text = """
function gfxmode {
    set gfxpayload="${1}"
    if [ "${1}" = "keep" ]; then
        set vt_handoff=vt.handoff=7
    else
        set vt_handoff=
    fi
}
if [ "${recordfail}" != 1 ]; then
  if [ -e ${prefix}/gfxblacklist.txt ]; then
    set linux_gfx_mode=text
  else
    set linux_gfx_mode=keep
  fi
fi
menuentry 'Ubuntu' --class ubuntu $menuentry_id_option 'gnulinux-simple' {
    gfxmode $linux_gfx_mode
    linux /boot/vmlinuz root=UUID=1 ro  quiet splash $vt_handoff
    initrd /boot/early.img /boot/initrd.img
    devicetree /boot/dtb
}
"""
    (entry,) = read_grub(tmp_path, text).entries
    assert entry.command_line == "root=UUID=1 ro quiet splash vt.handoff=7"
    assert entry.initrd == tmp_path / "boot/initrd.img"
    assert entry.dtb == tmp_path / "boot/dtb"
    assert entry.remarks == ("of 2 initrds only the last is used, kexec takes one",)


def test_grub_unknown_variable_in_the_command_line(tmp_path: Path) -> None:
    text = "if sleep 1; then x=1; fi\nmenuentry a {\n linux /a $x y=2\n}\n"
    (entry,) = read_grub(tmp_path, text).entries
    assert entry.command_line == "y=2"
    assert entry.remarks == ("$x is known to GRUB only; left out",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("menuentry a {\n linux /a\n", r"grub\.cfg:3: } is missing"),
        ("if true; then\n", "elif or else or fi is missing"),
        ("fi\n", '"fi" without its beginning'),
        ('menuentry "a {\n', 'a " that is not closed'),
        ("function {\n}\n", "a function without a name"),
        ("if true; then\n" * 50 + "fi\n" * 50, "nested more than 40 deep"),
        ("function f {\n f\n}\nf\n", "f calls itself too deep"),
        ("source $prefix/grub.cfg\n", "is read from within itself"),
        ("function f {\n" + "true\n" * 999 + "}\n" + "f\n" * 200, "does not come to an end"),
    ],
)
def test_grub_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_grub(tmp_path, text)


def test_grubenv_with_a_backslash(tmp_path: Path) -> None:
    text = 'load_env\nset default="${saved_entry}"\n' + entries("a", "b\\c")
    assert default(read_grub(tmp_path, text, saved_entry="b\\\\c")) == "b\\c"


# --- Fedora: GRUB with BLS entries ---------------------------------------------------------

FEDORA = """
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
elif [ -s $prefix/grubenv ]; then
  load_env
fi
set default="${saved_entry}"
if [ -z "${kernelopts}" ]; then
  set kernelopts="root=UUID=1 ro fallback"
fi
insmod blscfg
blscfg
"""
SNIPPET = """title Fedora Linux ({version}) 41
version {version}
linux /vmlinuz-{version}
initrd /initramfs-{version}.img $tuned_initrd
options root=UUID=2 ro rhgb quiet $tuned_params
grub_users $grub_users
grub_arg --unrestricted
grub_class fedora
"""
OLD, NEW = "6.9.12-200.fc40.aarch64", "6.11.4-301.fc41.aarch64"


def fedora(tmp_path: Path) -> System:
    system = System(tmp_path)
    system.efi()
    system.write("/boot/grub2/grub.cfg", FEDORA)
    for version in (OLD, NEW, "0-rescue"):
        text = SNIPPET.format(version=version)
        system.write(f"/boot/loader/entries/{IDENT}-{version}.conf", text)
        system.write(f"/boot/vmlinuz-{version}")
        system.write(f"/boot/initramfs-{version}.img")
    return system


def test_fedora(tmp_path: Path) -> None:
    system = fedora(tmp_path)
    menu = system.look()
    assert [entry.title.split("(")[1].split(")")[0] for entry in menu.entries][:3] == [
        NEW,
        OLD,
        "0-rescue",
    ]
    entry = system.default()
    assert system.place(entry.kernel) == f"/boot/vmlinuz-{NEW}"
    assert system.place(entry.initrd) == f"/boot/initramfs-{NEW}.img"
    assert entry.command_line == "root=UUID=2 ro rhgb quiet"
    assert entry.source == f"/boot/loader/entries/{IDENT}-{NEW}.conf"


def test_fedora_saved_entry(tmp_path: Path) -> None:
    """The id begins with a digit, and is a name all the same."""
    system = fedora(tmp_path)
    system.grubenv("/boot/grub2/grubenv", saved_entry=f"{IDENT}-{OLD}", tuned_params="isolcpus=2")
    entry = system.default()
    assert system.place(entry.kernel) == f"/boot/vmlinuz-{OLD}"
    assert entry.command_line == "root=UUID=2 ro rhgb quiet isolcpus=2"
    assert entry.reason == f"saved_entry={IDENT}-{OLD} in /boot/grub2/grubenv"
    system.grubenv("/boot/grub2/grubenv", saved_entry=f"{IDENT}-6.1-gone")
    assert system.place(system.default().kernel) == f"/boot/vmlinuz-{NEW}"
    system.grubenv("/boot/grub2/grubenv", saved_entry="1")
    assert system.place(system.default().kernel) == f"/boot/vmlinuz-{OLD}"


def test_fedora_kernelopts(tmp_path: Path) -> None:
    system = fedora(tmp_path)
    system.write(
        f"/boot/loader/entries/{IDENT}-9.conf", "title t\nlinux /vmlinuz\noptions $kernelopts x\n"
    )
    assert system.default().command_line == "root=UUID=1 ro fallback x"
    system.grubenv("/boot/grub2/grubenv", kernelopts="root=UUID=3 rw")
    assert system.default().command_line == "root=UUID=3 rw x"


def test_grub_stops_at_an_empty_line(tmp_path: Path) -> None:
    """blscfg.c, read_entry(): nothing behind a line without a value is read."""
    system = fedora(tmp_path)
    text = "title t\nlinux /vmlinuz\n\noptions lost\n"
    system.write(f"/boot/loader/entries/{IDENT}-9.conf", text)
    assert system.default().command_line == ""


# --- systemd-boot --------------------------------------------------------------------------


def systemd(tmp_path: Path, **snippets: str) -> System:
    system = System(tmp_path)
    system.efi()
    system.variable("LoaderInfo", "systemd-boot 257")
    for name, text in snippets.items():
        system.write(f"/boot/loader/entries/{name}.conf", text)
    return system


def test_systemd_boot(tmp_path: Path) -> None:
    system = systemd(
        tmp_path,
        a="title A\nversion 6.9\nsort-key debian\nlinux /a/linux\noptions x\noptions y\n",
        b="title B\nversion 6.12\nsort-key debian\nlinux b/linux\ninitrd /i1\ninitrd /i2\n",
        c="title C\nlinux /c\narchitecture x64\n",
        d="title D\nefi /shell.efi\n",
        e="title E\n\nlinux /e\n#options z\ndevicetree /d.dtb\n",
    )
    menu = system.look()
    assert [entry.title for entry in menu.entries] == ["B 6.12", "A 6.9", "E"]
    assert menu.entries[0].reason == "it is the first in the specification's order"
    assert menu.entries[0].remarks[0].startswith("of 2 initrds")
    assert menu.entries[1].command_line == "x y"
    assert system.place(menu.entries[2].dtb) == "/d.dtb"


@pytest.mark.parametrize(
    ("variables", "config", "expected"),
    [
        ({}, "", "linux-6.12"),
        ({}, "timeout 3\ndefault linux-6.9.conf\n", "linux-6.9"),
        ({}, "default *6.9*\n", "linux-6.9"),
        ({}, "default *none*\n", "linux-6.12"),
        ({"LoaderEntryDefault": "linux-6.9.conf"}, "default linux-6.12*\n", "linux-6.9"),
        (
            {"LoaderEntryOneShot": "linux-6.9.conf", "LoaderEntryDefault": "linux-6.12.conf"},
            "",
            "linux-6.9",
        ),
        (
            {"LoaderEntryOneShot": "gone.conf"},
            "",
            "LoaderEntryOneShot is gone.conf, which is no entry here",
        ),
    ],
)
def test_systemd_boot_default(
    tmp_path: Path, variables: dict[str, str], config: str, expected: str
) -> None:
    system = systemd(tmp_path, **{"linux-6.9": "linux /a\n", "linux-6.12": "linux /b\n"})
    for name, value in variables.items():
        system.variable(name, value)
    system.write("/boot/loader/loader.conf", config)
    assert default(system.look()) == expected


def test_boot_counting(tmp_path: Path) -> None:
    system = systemd(
        tmp_path,
        **{"l-6.12+0-3": "linux /bad\n", "l-6.11+2-1": "linux /new\n", "l-6.9": "linux /old\n"},
    )
    names = [system.place(entry.kernel) for entry in system.look().entries]
    assert names == ["/new", "/old", "/bad"]
    assert "boot counting" in system.look().entries[2].remarks[0]


def test_unified_images_are_named(tmp_path: Path) -> None:
    system = systemd(tmp_path, a="linux /a\n")
    system.write("/boot/EFI/Linux/fooos.efi")
    assert bls.menu(Root(tmp_path)).remarks == (
        "/boot/EFI/Linux/fooos.efi: unified kernel images are not considered",
    )


# --- a Raspberry Pi's firmware -------------------------------------------------------------

PI3 = "Raspberry Pi 3 Model B Plus Rev 1.3"


def settings(tmp_path: Path, text: str, model: str = PI3, **more: str) -> dict[str, str]:
    system = System(tmp_path)
    system.write("/boot/config.txt", text)
    for name, inner in more.items():
        system.write(f"/boot/{name}", inner)
    found = config_txt.read(Root(tmp_path), "/boot/config.txt", model)
    known = {name: setting.value for name, setting in found.settings.items()}
    return known | {f"{name}?": value for name, (value, _) in found.unknown.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kernel=a\nkernel=b\n", {"kernel": "b"}),
        ("#kernel=a\n\nno setting\nkernel=a\r\n", {"kernel": "a"}),
        ("[pi3]\nkernel=a\n[pi4]\nkernel=b\n", {"kernel": "a"}),
        ("[pi3+]\nkernel=a\n", {"kernel": "a"}),
        ("[pi4]\nkernel=b\n[all]\nkernel=c\n", {"kernel": "c"}),
        ("[none]\nkernel=b\n[pi3]\nkernel=a\n", {"kernel": "a"}),
        ("[tryboot]\nkernel=b\n[pi3]\nkernel=c\n", {}),
        ("kernel=a\n[gpio4=1]\nkernel=b\n", {"kernel": "a", "kernel?": "b"}),
        ("[gpio4=1]\n[pi4]\nkernel=b\n", {}),
        ("[0x12345678]\nkernel=b\n[all]\nkernel=c\n", {"kernel": "c"}),
        ("[EDID=VSC]\n[pi3]\nkernel=b\n", {"kernel?": "b"}),
        ("[pi7]\nkernel=b\n", {"kernel?": "b"}),
        ("initramfs i.img followkernel\n", {"initramfs": "i.img followkernel"}),
        ("include more\nkernel=c\n", {"kernel": "c", "x": "1"}),
        ("[pi4]\ninclude more\n", {}),
    ],
)
def test_config_txt(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    assert settings(tmp_path, text, more="kernel=b\nx=1\n") == expected


def test_config_txt_without_a_model(tmp_path: Path) -> None:
    assert settings(tmp_path, "[pi3]\nkernel=a\n", model="") == {"kernel?": "a"}


@pytest.mark.parametrize(
    ("model", "holds"),
    [
        ("Raspberry Pi 4 Model B Rev 1.4", {"pi4"}),
        ("Raspberry Pi 400 Rev 1.0", {"pi4", "pi400"}),
        ("Raspberry Pi Compute Module 4 Rev 1.0", {"pi4", "cm4"}),
        ("Raspberry Pi 3 Model B Rev 1.2", {"pi3"}),
        (PI3, {"pi3", "pi3+"}),
        ("Raspberry Pi Compute Module 3 Plus Rev 1.0", {"pi3", "cm3+"}),
        ("Raspberry Pi Zero 2 W Rev 1.0", {"pi0", "pi0w", "pi02"}),
        ("Raspberry Pi 5 Model B Rev 1.0", {"pi5"}),
        ("Raspberry Pi 500 Rev 1.0", {"pi5", "pi500"}),
        ("Raspberry Pi 2 Model B Rev 1.2", {"pi2"}),
    ],
)
def test_models(model: str, holds: set[str]) -> None:
    assert {name for name in config_txt._MODELS if config_txt.is_model(name, model)} == holds


def test_config_txt_includes_itself(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is included by itself"):
        settings(tmp_path, "include config.txt\n")


def raspberry_pi(tmp_path: Path, config: str, model: str = PI3) -> System:
    system = System(tmp_path)
    system.write("/proc/device-tree/model", model.encode() + b"\0")
    system.write("/boot/firmware/config.txt", config)
    system.write("/boot/firmware/cmdline.txt", "root=/dev/mmcblk0p2 rootwait\n")
    system.write("/boot/firmware/start.elf")
    system.write("/boot/config.txt", "DO NOT EDIT THIS FILE\n")
    return system


def test_raspberry_pi_os(tmp_path: Path) -> None:
    system = raspberry_pi(tmp_path, "auto_initramfs=1\narm_64bit=1\n[cm4]\notg_mode=1\n[all]\n")
    system.write("/boot/firmware/kernel8.img")
    system.write("/boot/firmware/initramfs8")
    entry = system.default()
    assert system.place(entry.kernel) == "/boot/firmware/kernel8.img"
    assert system.place(entry.initrd) == "/boot/firmware/initramfs8"
    assert entry.command_line == "root=/dev/mmcblk0p2 rootwait"
    assert entry.source == "/boot/firmware/config.txt"


def test_raspberry_pi_5(tmp_path: Path) -> None:
    system = raspberry_pi(tmp_path, "auto_initramfs=1\n", "Raspberry Pi 5 Model B Rev 1.0")
    for name in ("kernel8.img", "kernel_2712.img", "initramfs8", "initramfs_2712"):
        system.write(f"/boot/firmware/{name}")
    entry = system.default()
    assert system.place(entry.kernel) == "/boot/firmware/kernel_2712.img"
    assert system.place(entry.initrd) == "/boot/firmware/initramfs_2712"


def test_ubuntu_with_os_prefix(tmp_path: Path) -> None:
    config = "os_prefix=current/\nkernel=vmlinuz\ncmdline=cmdline.txt\n"
    system = raspberry_pi(tmp_path, config + "initramfs initrd.img followkernel\n")
    system.write("/boot/firmware/current/cmdline.txt", "root=LABEL=writable\n")
    system.write("/boot/firmware/vmlinuz")
    system.write("/boot/firmware/initrd.img")
    entry = system.default()
    assert system.place(entry.kernel) == "/boot/firmware/vmlinuz"
    assert entry.remarks[0].startswith("os_prefix=current/ is ignored")
    system.write("/boot/firmware/current/vmlinuz")
    system.write("/boot/firmware/current/initrd.img")
    entry = system.default()
    assert system.place(entry.kernel) == "/boot/firmware/current/vmlinuz"
    assert system.place(entry.initrd) == "/boot/firmware/current/initrd.img"
    assert entry.command_line == "root=LABEL=writable"


def test_upstream_kernel(tmp_path: Path) -> None:
    system = raspberry_pi(tmp_path, "upstream_kernel=1\nkernel=vmlinuz\n")
    system.write("/boot/firmware/vmlinuz")
    assert system.place(system.default().kernel) == "/boot/firmware/vmlinuz"
    system.write("/boot/firmware/upstream/vmlinuz")
    assert system.place(system.default().kernel) == "/boot/firmware/upstream/vmlinuz"


def test_what_a_filter_hides_is_said(tmp_path: Path) -> None:
    system = raspberry_pi(tmp_path, "kernel=a\n[gpio4=1]\nkernel=b\ndtparam=x\n")
    system.write("/boot/firmware/autoboot.txt", "[all]\ntryboot_a_b=1\n")
    remarks = raspberry.menu(Root(tmp_path)).entries[0].remarks
    assert remarks[0].startswith("/boot/firmware/config.txt:3: kernel=b holds only if")
    assert remarks[1].startswith("/boot/firmware/autoboot.txt may have")
    assert len(remarks) == 3


def test_serial0_has_another_name_in_the_kernel(tmp_path: Path) -> None:
    system = raspberry_pi(tmp_path, "kernel=a\n")
    system.write("/boot/firmware/a")
    system.write("/boot/firmware/cmdline.txt", "console=serial0,115200 root=/dev/x\n")
    assert any("serial0" in remark for remark in system.default().remarks)
    running = "coherent_pool=1M console=ttyS0,115200 root=/dev/x"
    system.write("/proc/cmdline", running + "\n")
    entry = system.default()
    assert entry.command_line == running
    assert not entry.remarks
