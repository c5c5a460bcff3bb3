# SPDX-License-Identifier: BSD-2-Clause
"""Each rule: a board on which it finds nothing, and one change after which it does."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.check import Finding, Kernel, System, check, find_rule, rules
from roundpen.check.rulebook.returning import LINUX_REFUSALS
from roundpen.contract import layout
from roundpen.errors import UserError
from roundpen.image.header import ImageHeader
from roundpen.report import check as report
from roundpen.report import check_docs
from tests.unit.check_boards import (
    LIVE,
    Nodes,
    Sample,
    around,
    changed,
    cpu,
    each_cpu,
    on,
    psci,
    reserved,
    returnable,
    spin,
    u64,
    with_idle_state,
    with_reserve,
)

ROOT = Path(__file__).resolve().parents[2]


def found(sample: Sample) -> tuple[Finding, ...]:
    return check(sample.board(), sample.system)


def codes(sample: Sample) -> set[str]:
    return {finding.code for finding in found(sample)}


def live(sample: Sample, **changes: object) -> Sample:
    return on(sample, replace(LIVE, **changes))  # type: ignore[arg-type]


def config(**options: str) -> dict[str, str]:
    return {f"CONFIG_{name}": value for name, value in options.items()}


OFF: Nodes = {
    "msi-controller@2020000": {"compatible": "arm,gic-v3-its", "status": "disabled"},
}
ITS: Nodes = {
    "compatible": "arm,gic-v3",
    "msi-controller@2020000": {"compatible": "arm,gic-v3-its"},
}
OVERLAY: Nodes = {"fragment@0": {"target-path": "/", "__overlay__": {"status": "okay"}}}
MAP: Nodes = {"cluster0": {"core0": {"cpu": 100}, "core1": {"cpu": 101}}}
NEIGHBOUR: Nodes = {"reg": [0, 0x4010_8000, 0, 0x1_0000]}
APART: Nodes = {"reg": [0, 0x4020_0000, 0, 0x1_0000]}
NINE = changed(psci(9), "interrupt-controller@1000", compatible="arm,gic-v3")
TOO_MANY = layout.SLOT_MAX + 1
PSCI_0_1: Nodes = {"compatible": "arm,psci", "method": "smc", "cpu_on": 1, "cpu_off": 2}
PI_3: Nodes = {"compatible": "brcm,bcm2836-l1-intc", "interrupt-controller": None}
PI_4: Nodes = {"compatible": "brcm,bcm2836-l1-intc"}
PI_5 = changed(
    psci(),
    "/",
    compatible=["raspberrypi,5-model-b", "brcm,bcm2712"],
    **{"reserved-memory": reserved(**{"atf@0": {"reg": [0, 0, 0, 0x8_0000], "no-map": None}})},
)
PI = changed(spin(), "/", compatible=["raspberrypi,4-model-b", "brcm,bcm2711"])
DEBIAN_12 = System(kernel=Kernel("vmlinuz", ImageHeader(0, 0, 0, 0x2010000, 0xA)))
DEBIAN_13 = System(kernel=Kernel("vmlinuz", ImageHeader(0, 0, 0, 0x2500000, 0xA)))
REFUSED = "psci: failed to boot CPU1 (-22)"
STUCK = ("Can't kexec: CPUs are stuck in the kernel.",)

# code: the board on which the rule is silent, the one on which it speaks
PAIRS: dict[str, tuple[Sample, Sample]] = {
    "RP001": (spin(), changed(spin(), "/", cpus={})),
    "RP002": (spin(), each_cpu(spin(), enable_method=...)),
    "RP003": (spin(), changed(spin(), "cpus/cpu@2", enable_method="brcm,bcm2836-smp")),
    "RP004": (psci(), changed(psci(), "cpus/cpu@2", enable_method="spin-table")),
    "RP005": (
        spin(),
        changed(each_cpu(spin(), enable_method=...), "cpus", enable_method="spin-table"),
    ),
    "RP006": (
        each_cpu(spin(), enable_method="spin-table"),
        changed(spin(), "cpus/cpu@0", enable_method="psci"),
    ),
    "RP010": (spin(), changed(spin(), "cpus/cpu@2", reg=0x200)),
    "RP011": (spin(), changed(spin(), "cpus/cpu@2", reg=0x8000_0002)),
    "RP012": (spin(), changed(spin(), "cpus/cpu@2", reg=1)),
    "RP013": (
        changed(spin(), "cpus/cpu@2", reg=[2, 0]),
        changed(spin(), "cpus/cpu@2", reg=b"\0\2"),
    ),
    "RP014": (spin(layout.SLOT_MAX), spin(TOO_MANY)),
    "RP015": (
        changed(spin(), "cpus", cpu_map=MAP),
        changed(spin(), "cpus", cpu_map={"cluster0": {"core0": {"cpu": 100}, "core1": {"cpu": 7}}}),
    ),
    "RP016": (
        changed(spin(), "cpus/cpu@2", status="disabled"),
        changed(spin(), "cpus/cpu@2", status="fail-timeout"),
    ),
    "RP017": (NINE, psci(9)),
    "RP018": (
        changed(spin(), "/", **{"local_intc@1": PI_4}),
        changed(spin(), "/", **{"local_intc@1": PI_3}),
    ),
    "RP019": (
        changed(spin(), "/", gic={"compatible": "arm,gic-v5", "status": "disabled"}),
        changed(spin(), "/", gic={"compatible": "arm,gic-v5"}),
    ),
    "RP020": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=...)),
    "RP021": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=0x4000_0200)),
    "RP022": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=u64(0))),
    "RP023": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=u64(0x4000_0204))),
    "RP024": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=u64(0x4000_0100))),
    "RP025": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=u64(0xD8))),
    "RP026": (spin(), with_reserve(spin())),
    "RP027": (spin(), with_reserve(spin(), (0x4000_0000, 0x304))),
    "RP028": (spin(), changed(spin(), "cpus/cpu@2", cpu_release_addr=u64(0x4000_0108))),
    "RP040": (returnable(), spin()),
    "RP041": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_return_addr=...)),
    "RP042": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_return_addr=0x4010_0040)),
    "RP043": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_release_addr=u64(0))),
    "RP044": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_return_addr=u64(0))),
    "RP045": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_return_addr=u64(0x4010_0042))),
    "RP046": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_release_addr=u64(0x5000_0000))),
    "RP047": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_return_addr=u64(0x5000_0000))),
    "RP048": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_release_addr=u64(0x4010_2108))),
    "RP049": (returnable(), changed(returnable(), "cpus/cpu@2", cpu_release_addr=u64(0x4010_2180))),
    "RP050": (psci(), changed(psci(), "cpus/cpu@2", cpu_return_addr=u64(0x4010_0040))),
    "RP060": (psci(), changed(psci(), "psci", status="disabled")),
    "RP061": (
        changed(spin(), "psci", compatible="arm,psci-1.0", method="smc", status="disabled"),
        changed(spin(), "psci", compatible="arm,psci-1.0", method="smc"),
    ),
    "RP062": (psci(), changed(psci(), "psci", method="magic")),
    "RP063": (
        on(changed(psci(), "psci", method="hvc"), System(entry_level=1)),
        on(changed(psci(), "psci", method="hvc"), System(entry_level=2)),
    ),
    "RP064": (
        changed(psci(), "/", psci=PSCI_0_1),
        changed(psci(), "/", psci={**PSCI_0_1, "cpu_off": b""}),
    ),
    "RP065": (psci(), changed(psci(), "cpus/cpu@2", cpu_release_addr=u64(0xD8))),
    "RP066": (changed(PI_5, "/", **{"reserved-memory": reserved()}), PI_5),
    "RP067": (
        changed(spin(), "/", compatible=["brcm,bcm2711"]),
        changed(psci(), "/", compatible=["raspberrypi,4-model-b", "brcm,bcm2711"]),
    ),
    "RP068": (with_idle_state(0), with_idle_state(0x1_0000)),
    "RP080": (
        changed(returnable(), "reserved-memory", **{"other@40200000": APART}),
        changed(returnable(), "reserved-memory", **{"other@40108000": NEIGHBOUR}),
    ),
    "RP081": (returnable(), with_reserve(returnable(), (0x4010_F000, 0x2000))),
    "RP082": (returnable(), changed(returnable(), "reserved-memory", ranges=...)),
    "RP083": (returnable(), changed(returnable(), "reserved-memory/firmware@40100000", reg=[1, 2])),
    "RP084": (
        changed(psci(), "chosen", blob=bytes(0x1000)),
        changed(psci(), "chosen", blob=bytes(layout.TREE_MAX)),
    ),
    "RP085": (spin(), changed(spin(), "memory@40000000", reg=[0, 0, 0, 0])),
    "RP086": (
        changed(
            psci(), "/", **{"gic@1": {**ITS, "msi-controller@2020000": {"status": "disabled"}}}
        ),
        changed(psci(), "/", **{"gic@1": ITS}),
    ),
    "RP087": (
        changed(spin(), "chosen", **{"roundpen,offer": "psci", "roundpen,refused": "twice"}),
        changed(spin(), "chosen", **{"roundpen,refused": "PSCI is already there"}),
    ),
    "RP088": (spin(), Sample(OVERLAY)),
    "RP089": (on(PI, DEBIAN_12), on(PI, DEBIAN_13)),
    "RP100": (live(psci()), live(psci(), config=config(HOTPLUG_CPU="y"))),
    "RP101": (live(psci()), live(psci(), config=config(KEXEC="y", KEXEC_FILE="n"))),
    "RP102": (live(psci()), live(psci(), config=config(KEXEC_FILE="y"))),
    "RP103": (live(psci()), live(psci(), config=config(KEXEC="y"))),
    "RP104": (
        live(psci(), command_line="kvm-arm.mode=nvhe"),
        live(psci(), command_line="kvm-arm.mode=nvhe kvm-arm.mode=protected"),
    ),
    "RP105": (live(psci()), live(psci(), lockdown="integrity")),
    "RP106": (live(psci()), live(psci(), kexec_disabled=True)),
    "RP107": (live(psci(), log=("CPU1: Booted secondary processor",)), live(psci(), log=STUCK)),
    "RP108": (
        live(returnable(), command_line="maxcpus=1"),
        live(spin(), command_line="quiet maxcpus=1"),
    ),
    "RP109": (
        live(spin(), command_line="nr_cpus=4 -- nr_cpus=1"),
        live(spin(), command_line="nr_cpus=1"),
    ),
    "RP110": (live(psci()), live(psci(), watchdogs=("watchdog0",))),
    "RP111": (live(psci()), live(psci(), kexec_loaded=True)),
    "RP112": (live(psci(), online=2, command_line="maxcpus=2"), live(psci(), online=3)),
    "RP113": (live(spin(), cannot_offline=(1, 2, 3)), live(psci(), cannot_offline=(2,))),
    "RP114": (live(psci()), live(psci(), whole_tree=False)),
    "RP115": (live(psci()), live(psci(), logbook=("CPU 0x2: failed",))),
    "RP116": (live(psci(), log=STUCK), live(psci(), log=("CPU1: failed to come online",))),
    "RP117": (live(psci(), log=(REFUSED,)), live(psci(), log=("psci: failed to boot CPU1 (-95)",))),
    "RP118": (
        live(spin(), log=("CPU1: Booted secondary processor",)),
        live(spin(), log=("missing boot CPU MPIDR, not enabling secondaries",)),
    ),
    "RP119": (live(psci(), log=("psci: failed to boot CPU1 (-95)",)), live(psci(), log=(REFUSED,))),
    "RP120": (
        live(changed(psci(), "/", **{"local_intc@1": PI_3}), offline=(2,), reboot_cpu=0),
        live(changed(psci(), "/", **{"local_intc@1": PI_3}), offline=(0,), online=3),
    ),
}


def test_every_rule_has_both_boards() -> None:
    assert sorted(PAIRS) == [entry.code for entry in rules()]


@pytest.mark.parametrize("code", PAIRS)
def test_silent_where_all_is_well(code: str) -> None:
    assert code not in codes(PAIRS[code][0])


@pytest.mark.parametrize("code", PAIRS)
def test_speaks_where_it_must(code: str) -> None:
    hits = [finding for finding in found(PAIRS[code][1]) if finding.code == code]
    assert hits
    for hit in hits:
        assert hit.severity is find_rule(code).severity
        assert hit.node
        assert hit.found
        assert hit.do
        assert "\n" not in hit.found + hit.expected + hit.do


@pytest.mark.parametrize("code", [entry.code for entry in rules() if entry.live])
def test_a_file_is_not_judged_as_a_system(code: str) -> None:
    board, system = PAIRS[code][1].board(), PAIRS[code][1].system
    assert code not in {finding.code for finding in check(board, replace(system, live=False))}


@pytest.mark.parametrize("sample", [psci(), returnable(), psci(1), spin(1)])
def test_sound_boards_are_clean(sample: Sample) -> None:
    assert found(sample) == ()
    assert found(on(sample, replace(LIVE, online=None))) == ()


# --- the kernel's own refusals -------------------------------------------------------------


@pytest.mark.parametrize("line", ["6.1", "6.12"])
def test_the_same_refusals_as_the_kernels(line: str) -> None:
    """Every sentence of the series has a rule here, and the other way round."""
    patches = sorted((ROOT / "kernel" / line).glob("*-Keep-returnable-CPUs-in-firmwar*.patch"))
    assert len(patches) == 1
    text = patches[0].read_text(encoding="utf-8")
    said = set(re.findall(r'^\+.*?"(its? [^"]*)"', text, re.MULTILINE))
    said.discard("its release word cannot be mapped")  # of a running kernel, not of a tree
    assert set(LINUX_REFUSALS) == said


@pytest.mark.parametrize("code", sorted(LINUX_REFUSALS.values()))
def test_one_refusal_per_cpu_the_first_that_applies(code: str) -> None:
    """As the kernel, which names one reason: the rules from RP041 to RP048 don't add up."""
    silent = PAIRS[code][1]
    named = [each for each in found(silent) if each.code in LINUX_REFUSALS.values()]
    where = {each.node for each in named}
    assert {each.code for each in named} == {code}
    assert "/cpus/cpu@2" in where
    assert len(named) == len(where)


def test_the_page_counts_as_the_kernel_counts_it() -> None:
    """no-map from the middle of a page: the kernel looks at the page's first byte."""
    base = each_cpu(returnable(), cpu_return_addr=u64(0x4010_3000))
    path = "reserved-memory/firmware@40100000"
    assert codes(changed(base, path, reg=[0, 0x4010_2000, 0, 0x2000])) == set()
    assert "RP046" in codes(changed(base, path, reg=[0, 0x4010_2800, 0, 0x1800]))


def test_a_known_line_decides() -> None:
    close = PAIRS["RP049"][1]
    assert {"RP049"} == codes(close)
    assert codes(on(close, System(cache_line=64))) == set()
    assert codes(on(close, System(cache_line=256))) == {"RP048"}


def test_memreserve_is_not_no_map() -> None:
    sample = changed(returnable(), "/", **{"reserved-memory": reserved()})
    sample = with_reserve(sample, (0x4010_0000, 0x1_0000))
    assert codes(sample) == {"RP046"}


def test_outside_of_ram_nothing_is_mapped() -> None:
    sample = changed(returnable(), "/", **{"reserved-memory": reserved()})
    sample = each_cpu(sample, cpu_return_addr=u64(0x1000))
    for number in range(4):
        word = u64(0x2000 + 256 * number)
        sample = changed(sample, f"cpus/cpu@{number}", cpu_release_addr=word)
    assert codes(sample) == {"RP025"}


# --- what trees look like ------------------------------------------------------------------


def test_two_cells_of_cpus_and_one_of_memory() -> None:
    cpus = {
        f"cpu@{number:x}": cpu(number, reg=[0, number], **{"enable-method": "psci"})
        for number in (0, 1, 0x100)
    }
    nodes = around(cpus, psci={"compatible": "arm,psci-0.2", "method": "smc"})
    nodes["cpus"]["#address-cells"] = 2
    nodes |= {"#address-cells": 1, "#size-cells": 1}
    nodes["memory@40000000"]["reg"] = [0x4000_0000, 0x1000_0000]
    board = Sample(nodes).board()
    assert [each.hwid for each in board.cpus] == [0, 1, 0x100]
    assert [str(bank) for bank in board.memory] == ["0x40000000-0x4fffffff"]
    assert check(board) == ()


def test_secure_memory_is_not_ours() -> None:
    sample = changed(spin(), "memory@40000000", status="disabled", secure_status="okay")
    assert sample.board().memory == ()


def test_adjoining_reservations_cover_together() -> None:
    sample = with_reserve(spin(), (0x4000_0000, 0x304), (0x4000_0304, 0x1000))
    assert codes(sample) == {"RP040"}


def test_a_reservation_at_the_end_of_the_address_space() -> None:
    sample = with_reserve(spin(), (0x4000_0000, 0x2000), ((1 << 64) - 0x1000, 0x8000_0000))
    assert codes(sample) == {"RP040"}


# --- the pages -----------------------------------------------------------------------------


def test_the_rules_page_is_fresh() -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert text == check_docs.rules_page(), "run: python -m roundpen.report.check_docs docs"


def test_the_routes_page_is_fresh() -> None:
    text = (ROOT / "docs" / "routes.md").read_text(encoding="utf-8")
    assert text == check_docs.routes_page(text), "run: python -m roundpen.report.check_docs docs"


@pytest.mark.parametrize("code", PAIRS)
def test_each_rule_is_explained(code: str) -> None:
    entry = find_rule(code.lower())
    text = "\n".join(report.explanation(entry))
    for word in (entry.code, entry.title, *entry.why.split(), *entry.source.split()):
        assert word in text


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(UserError, match="no rule is called RP999"):
        find_rule("RP999")
