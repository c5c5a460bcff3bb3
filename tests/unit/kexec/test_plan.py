# SPDX-License-Identifier: BSD-2-Clause
"""The plan: which way, which call, what is against it. Systems are folders."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from roundpen.check import State
from roundpen.check.board import Range
from roundpen.kexec import plan, plan_json
from roundpen.kexec.plan import Plan, SystemCall, Wanted, Way, Weight
from roundpen.kexec.system import read
from roundpen.report import kexec as report
from tests.unit import samples
from tests.unit.check_boards import Sample, changed, each_cpu, psci, reserved, returnable, spin, u64
from tests.unit.kexec import systems
from tests.unit.kexec.test_tree import BASE, with_pen
from tests.unit.kexec_root import put

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs/kexec.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A stock kernel on a spin-table, with the module installed and not loaded."""
    folder = systems.system(tmp_path / "root")
    put(folder, "boot/vmlinuz", systems.kernel())
    put(folder, "boot/initrd", bytes(5 << 20))
    return folder


def wanted(root: Path, **changes: object) -> Wanted:
    given = Wanted(root / "boot/vmlinuz", root / "boot/initrd", "console=ttyS0 root=/dev/sda")
    return replace(given, **changes)  # type: ignore[arg-type]


def made(root: Path, **changes: object) -> Plan:
    found = plan.make(read(root), wanted(root, **changes))
    jsonschema.validate(json.loads(found.json()), SCHEMA)
    assert list(report.lines(found, width=100))
    return found


def names(found: Plan) -> set[str]:
    return {reason.name for reason in found.refused}


def warned(found: Plan) -> set[str]:
    return {reason.name for reason in found.warnings}


def test_a_stock_kernel_goes_by_the_late_pen(root: Path) -> None:
    found = made(root)
    assert found.refused == ()
    assert (found.way, found.load_module, found.module_way) == (Way.LATE, True, None)
    assert found.system_call is SystemCall.LOAD
    assert [each.name for each in found.segments] == ["kernel", "initrd", "tree", "purgatory"]
    assert found.tree is not None
    assert found.tree.data is None
    assert found.promise.release == "6.12.0-next"
    assert found.promise.cpus == 4
    assert found.kernel is not None
    assert found.kernel.as_it_is
    assert warned(found) == set()


def test_with_the_module_loaded(root: Path) -> None:
    put(systems.with_pen(root, base=BASE), "sys/kernel/roundpen/fdt", with_pen(spin()).dtb())
    found = made(root)
    assert found.refused == ()
    assert not found.load_module
    assert found.tree is not None
    assert found.tree.own_file
    assert found.promise.pen == f"{BASE:#x} 0x10000"
    pen = Range(BASE, BASE + 0x10000)
    assert all(not each.range.overlaps(pen) for each in found.segments)
    assert any(area.what == "the pen" for area in found.memory)


def test_an_adopted_pen(tmp_path: Path) -> None:
    root = systems.system(tmp_path, with_pen(spin()))
    systems.with_pen(root, "adopted", BASE)
    put(root, "boot/vmlinuz", systems.kernel())
    put(root, "boot/initrd", b"x")
    assert made(root).refused == ()


# --- the way -------------------------------------------------------------------------------


def board(root: Path, sample: Sample) -> None:
    put(root, "sys/firmware/fdt", sample.dtb())


def test_psci_that_is_there(root: Path) -> None:
    board(root, psci())
    found = made(root)
    assert (found.way, found.load_module) == (Way.PSCI, False)
    assert found.refused == ()


def test_the_late_pen_where_psci_is_there_only_when_asked_for(root: Path) -> None:
    board(root, psci())
    found = made(root, way=Way.LATE)
    assert (found.refused, found.module_way) == ((), "psci")
    assert "psci-set-aside" in warned(found)
    board(root, changed(psci(), "/", compatible=["raspberrypi,4-model-b", "brcm,bcm2711"]))
    found = made(root)
    assert (found.way, "way-depends" in warned(found)) == (Way.PSCI, True)


def test_a_kernel_with_the_series(root: Path) -> None:
    board(root, returnable())
    for number in range(1, 4):
        put(root, f"sys/devices/system/cpu/cpu{number}/online", "1\n")
    found = made(root)
    assert (found.way, found.load_module, found.refused) == (Way.RETURN, False, ())


def test_one_cpu_that_was_left(root: Path) -> None:
    put(root, "proc/cmdline", "nr_cpus=1\n")
    for name in ("possible", "online"):
        put(root, f"sys/devices/system/cpu/{name}", "0\n")
    systems.configure(root, KPROBES="n")
    found = made(root)
    assert found.way is Way.NR_CPUS
    assert found.refused == ()
    assert any("can't go any further" in line for line in found.lost)


def test_nr_cpus_needs_a_restart(root: Path) -> None:
    found = made(root, way=Way.NR_CPUS)
    assert names(found) == {"way-closed"}
    assert "--prepare-single" in found.refused[0].found


def test_no_way(root: Path) -> None:
    systems.configure(root, KPROBES="n")
    found = made(root)
    assert found.way is None
    assert names(found) == {"no-way"}
    assert "CONFIG_KPROBES" in found.refused[0].found
    assert found.route is not None
    assert found.route.state is State.CLOSED


def test_kexec_file_alone(root: Path) -> None:
    systems.configure(root, KEXEC="n", KEXEC_FILE="y")
    found = made(root)
    assert (found.system_call, found.refused) == (SystemCall.FILE_LOAD, ())
    assert found.tree is not None
    assert not found.tree.own_file
    assert [each.name for each in found.segments] == ["kernel", "initrd", "tree"]
    put(root, "b.dtb", spin().dtb())
    assert names(made(root, dtb=root / "b.dtb")) == {"dtb-unusable"}


def test_a_board_on_record(root: Path) -> None:
    """A Raspberry Pi 5 needs not be asked for."""
    atf = {"reg": [0, 0, 0, 0x80000], "no-map": None}
    pi_5 = changed(psci(), "/", compatible=["raspberrypi,5-model-b", "brcm,bcm2712"])
    board(root, changed(pi_5, "/", **{"reserved-memory": reserved(**{"atf@0": atf})}))
    found = made(root)
    assert (found.way, found.module_way, found.refused) == (Way.LATE, "psci", ())
    put(root, "sys/kernel/kexec_loaded", "1\n")
    assert names(made(root)) == {"loaded-before"}
    put(root, "sys/devices/system/cpu/online", "0,2-3\n")
    assert "no-way" in names(made(root))


# --- against: what is given ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("proc/sys/kernel/arch", "x86_64\n", {"not-arm64"}),
        ("run/systemd/container", "docker\n", {"container"}),
        ("proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n", {"permission"}),
        ("boot/vmlinuz", b"no kernel", {"kernel-unusable"}),
        ("boot/initrd", b"", {"initrd-unusable"}),
    ],
)
def test_what_the_caller_can_change(
    root: Path, file: str, content: str | bytes, expected: set[str]
) -> None:
    put(root, file, content)
    found = made(root)
    assert expected <= names(found)
    assert found.refused[0].weight is Weight.CALLER


def test_a_dry_run_needs_no_permission(root: Path) -> None:
    put(root, "proc/self/status", "Uid:\t1000\t1000\t1000\t1000\n")
    put(root, "proc/iomem", "00000000-00000000 : System RAM\n")
    found = made(root, dry_run=True)
    assert found.refused == ()
    assert (found.segments, found.memory) == ((), ())
    assert "not-foreseen" in warned(found)


def test_a_kernel_that_is_missing(root: Path) -> None:
    found = made(root, kernel=root / "nothing", initrd=root / "nothing", dtb=root / "nothing")
    assert names(found) == {"kernel-unusable", "initrd-unusable", "dtb-unusable"}
    assert found.kernel is None


def test_a_long_command_line(root: Path) -> None:
    assert names(made(root, command_line="x" * 2048)) == {"command-line-too-long"}
    assert names(made(root, command_line="x" * 2047)) == set()


def test_pages_that_the_core_cant_do(root: Path) -> None:
    put(root, "sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "0x410fd083\n")
    put(root, "boot/vmlinuz", systems.kernel(page=16384))
    found = made(root)
    assert names(found) == {"page-size"}
    assert "16 KiB, a Cortex-A72" in found.refused[0].found


def test_a_tree_of_another_board(root: Path) -> None:
    put(systems.with_pen(root, base=BASE), "sys/kernel/roundpen/fdt", with_pen(spin()).dtb())
    put(root, "b.dtb", changed(spin(), "/", compatible=["a,nother"]).dtb())
    found = made(root, dtb=root / "b.dtb")
    assert names(found) == {"dtb-unusable"}
    put(root, "b.dtb", spin().dtb())
    found = made(root, dtb=root / "b.dtb")
    assert found.refused == ()
    assert any("overlays" in line for line in found.lost)


def test_a_packed_kernel_is_unpacked(root: Path) -> None:
    put(root, "boot/vmlinuz", gzip.compress(systems.kernel()))
    found = made(root)
    assert found.kernel is not None
    assert (found.kernel.packing, found.kernel.as_it_is) == (("gzip",), False)


# --- against: what runs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("proc/sys/kernel/kexec_load_disabled", "1\n", {"kexec-load-disabled", "no-way"}),
        ("proc/sys/kernel/kexec_load_limit_reboot", "0\n", {"kexec-load-limit"}),
        ("sys/kernel/security/lockdown", "none [integrity] confidentiality\n", {"lockdown"}),
        ("sys/firmware/fdt", b"no tree", {"no-device-tree"}),
        ("sys/kernel/roundpen/version", "2\n", {"module-unreadable"}),
        ("sys/module/roundpen/initstate", "live\n", {"module-without-pen"}),
        ("lib/modules/6.1.0-test/modules.dep", "a.ko:\n", {"module-missing"}),
        ("proc/meminfo", "MemTotal: 60000 kB\nMemFree: 9000 kB\n", {"more-than-half", "memory"}),
        ("proc/meminfo", "MemTotal: 900000 kB\nMemFree: 9000 kB\n", {"memory"}),
        (
            "proc/meminfo",
            "MemTotal: 900000 kB\nMemFree: 1 kB\nMemAvailable: 300000 kB\nCmaFree: 290000 kB\n",
            {"memory"},
        ),
        ("proc/iomem", "40000000-427fffff : System RAM\n", {"no-room"}),
    ],
)
def test_what_the_machine_wont(
    root: Path, file: str, content: str | bytes, expected: set[str]
) -> None:
    put(root, file, content)
    found = made(root)
    assert names(found) == expected
    assert all(reason.weight is Weight.MACHINE for reason in found.refused)


def test_without_kexec_tools(root: Path) -> None:
    (root / "usr/sbin/kexec").unlink()
    assert names(made(root)) == {"no-kexec-tools"}


def test_a_system_call_that_is_not_there(root: Path) -> None:
    assert "system-call" in names(made(root, system_call=SystemCall.FILE_LOAD))


def test_lockdown_leaves_the_other_call(root: Path) -> None:
    systems.configure(root, KEXEC_FILE="y")
    put(root, "sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    found = made(root)
    assert (found.system_call, names(found)) == (SystemCall.FILE_LOAD, {"lockdown"})
    put(root, "boot/vmlinuz", systems.kernel(signed=True))
    assert made(root).refused == ()


def test_a_signature_is_forced(root: Path) -> None:
    systems.configure(root, KEXEC="n", KEXEC_FILE="y", KEXEC_SIG_FORCE="y")
    assert names(made(root)) == {"signature"}
    put(root, "boot/vmlinuz", systems.kernel(signed=True))
    assert made(root).refused == ()


def test_a_cpu_that_was_lost(root: Path) -> None:
    systems.with_pen(root, "adopted", BASE)
    board(root, with_pen(spin()))
    put(root, "sys/kernel/roundpen/cpu2/state", "lost\n")
    found = made(root)
    assert names(found) == {"cpu-lost"}
    assert "CPU 2" in found.refused[0].found


def test_a_tree_without_the_pen(root: Path) -> None:
    systems.with_pen(root, "adopted", BASE)
    assert names(made(root)) == {"tree-wrong"}


def test_tables_of_a_gicv3(root: Path) -> None:
    its = {"compatible": "arm,gic-v3", "its@2": {"compatible": "arm,gic-v3-its"}}
    board(root, changed(spin(), "/", **{"gic@1": its}))
    assert names(made(root)) == {"lpi-tables"}
    (root / "sys/firmware/efi").mkdir(parents=True)
    assert made(root).refused == ()


def watchdog(root: Path, **files: str) -> None:
    for name, content in {"state": "active", "timeout": "15", **files}.items():
        put(root, f"sys/class/watchdog/watchdog0/{name}", f"{content}\n")


def test_a_watchdog_that_ends_before_the_boot_does(root: Path) -> None:
    watchdog(root)
    assert names(made(root)) == {"watchdog"}
    watchdog(root, timeout="120")
    assert (names(made(root)), warned(made(root))) == (set(), {"watchdog-armed"})
    watchdog(root, state="inactive")
    assert (names(made(root)), warned(made(root))) == (set(), set())


def test_a_watchdog_that_systemd_stops(root: Path) -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    watchdog(root)
    assert (names(made(root)), warned(made(root))) == (set(), {"watchdog-armed"})
    watchdog(root, nowayout="1")
    assert names(made(root)) == {"watchdog"}


def test_a_kernel_that_is_known_bad(root: Path) -> None:
    systems.configure(root, ARM64_VA_BITS_52="y")
    put(root, "proc/sys/kernel/osrelease", "6.12.118+deb13-arm64\n")
    put(root, "lib/modules/6.12.118+deb13-arm64/modules.dep", "updates/roundpen.ko:\n")
    assert (names(made(root)), warned(made(root))) == (set(), {"known-bad-trans-pgd-lpa2"})
    log = "6,1,0,-;CPU features: detected: 52-bit Virtual Addressing (LPA2)\n"
    put(root, "dev/kmsg", log)
    assert names(made(root)) == {"known-bad-trans-pgd-lpa2"}
    put(root, "dev/kmsg", "6,1,0,-;Booting Linux on physical CPU 0x0000000000 [0x411fd070]\n")
    assert (names(made(root)), warned(made(root))) == (set(), set())


def test_an_old_core_has_no_five_levels(root: Path) -> None:
    systems.configure(root, ARM64_VA_BITS_52="y")
    put(root, "proc/sys/kernel/osrelease", "6.12.1\n")
    put(root, "lib/modules/6.12.1/modules.dep", "updates/roundpen.ko:\n")
    put(root, "sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "0x410fd034\n")
    assert (names(made(root)), warned(made(root))) == (set(), set())


# --- to know -------------------------------------------------------------------------------


def test_where_the_chain_ends(root: Path) -> None:
    names = ("MODULES", "HOTPLUG_CPU", "KEXEC", "SERIAL_8250_CONSOLE")
    put(root, "boot/config-6.12.0-next", "".join(f"CONFIG_{name}=y\n" for name in names))
    found = made(root)
    assert (found.refused, warned(found)) == ((), {"chain-ends"})
    assert "CONFIG_KPROBES" in found.warnings[0].found


def test_a_configuration_inside(root: Path) -> None:
    options = b"CONFIG_MODULES=y\nCONFIG_SERIAL_8250_CONSOLE=y\n"
    inside = b"IKCFG_ST" + gzip.compress(options) + b"IKCFG_ED"
    put(root, "boot/vmlinuz", systems.kernel(more=inside))
    assert warned(made(root)) == {"chain-ends"}


def test_a_console_without_a_driver(root: Path) -> None:
    options = "".join(
        f"CONFIG_{name}=y\n" for name in ("MODULES", "KPROBES", "HOTPLUG_CPU", "KEXEC")
    )
    put(root, "boot/config-6.12.0-next", options)
    assert warned(made(root)) == {"no-console-driver"}
    put(root, "boot/config-6.12.0-next", options + "CONFIG_SERIAL_8250_CONSOLE=y\n")
    assert warned(made(root)) == set()


def test_what_a_command_line_lacks(root: Path) -> None:
    assert warned(made(root, command_line="root=/dev/sda")) == {"no-console"}
    assert warned(made(root, command_line="console=ttyS0", initrd=None)) == {"no-root"}
    found = made(root, command_line="console=ttyS0 maxcpus=2 root=/dev/sda")
    assert warned(found) == {"fewer-cpus"}
    assert found.promise.cpus is None


def test_reboot_would_jump(root: Path) -> None:
    (root / "run/systemd/system").mkdir(parents=True)
    assert "reboot-jumps" in warned(made(root, load_only=True))
    assert warned(made(root)) == set()


def test_what_is_loaded_is_replaced(root: Path) -> None:
    put(root, "sys/kernel/kexec_loaded", "1\n")
    put(root, "sys/kernel/kexec_crash_loaded", "1\n")
    assert names(made(root)) == {"loaded-before"}
    systems.with_pen(root, base=BASE)
    put(root, "sys/kernel/roundpen/fdt", with_pen(spin()).dtb())
    found = made(root)
    assert (found.refused, warned(found)) == ((), {"replaces-loaded"})
    assert any("capture kernel" in line for line in found.lost)


def test_a_pi_3(root: Path) -> None:
    local = {"compatible": "brcm,bcm2836-l1-intc", "interrupt-controller": None}
    board(root, changed(spin(), "/", **{"local@1": local}))
    found = made(root)
    assert (found.refused, warned(found)) == ((), {"cpu-0-only"})
    put(root, "sys/devices/system/cpu/online", "1-3\n")
    assert names(made(root)) == {"no-way"}


def test_an_image_without_a_spin_table(root: Path) -> None:
    put(root, "boot/vmlinuz", systems.kernel(spin_table=False))
    assert warned(made(root)) == {"no-spin-table"}


# --- whole and hostile ---------------------------------------------------------------------


def test_a_system_of_which_nothing_is_known(tmp_path: Path) -> None:
    put(tmp_path, "boot/vmlinuz", samples.kernel())
    put(tmp_path, "boot/initrd", b"x")
    found = made(tmp_path)
    assert {"no-device-tree", "no-kexec-tools"} <= names(found)


@pytest.mark.parametrize("text", ["", "garbage\n" * 100, "0-ffffffffffffffff : System RAM\n"])
def test_iomem_that_is_none(root: Path, text: str) -> None:
    put(root, "proc/iomem", text)
    made(root)


@pytest.mark.parametrize("length", [0, 40, 100, 300, 900])
def test_a_tree_that_is_cut_off(root: Path, length: int) -> None:
    whole = spin().dtb()
    put(root, "sys/firmware/fdt", whole[:length])
    assert "no-device-tree" in names(made(root))


def test_words_from_files_are_safe_to_print(root: Path) -> None:
    board(root, each_cpu(spin(), enable_method="\x1b[31mred"))
    put(root, "sys/class/watchdog/watchdog0/identity", "\x1b[31mred")
    watchdog(root)
    for line in report.lines(made(root), width=100):
        assert "\x1b" not in line


def test_a_plan_is_frozen_and_the_same_twice(root: Path) -> None:
    assert made(root) == made(root)
    assert plan_json.document(made(root)) == made(root).json()
    assert hash(made(root).segments)
    assert u64(1)
