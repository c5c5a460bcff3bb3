# SPDX-License-Identifier: BSD-2-Clause
"""What `check` says of strangers' boards: trees in field/, each with the answer that is right.

Each tree stands for a kind of board that somebody has, or for a kind of mistake that somebody's
tree showed. Row names are those of the list in issue 11.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from roundpen.check import Board, Finding, State, System, check, read_board, routes
from roundpen.check.system import UNKNOWN
from roundpen.contract import layout
from tests.unit.check_boards import LIVE

FIELD = Path(__file__).parent / "field"
OPEN, DEPENDS, CLOSED = State.OPEN, State.DEPENDS, State.CLOSED

pytestmark = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")


@cache
def tree(name: str) -> Board:
    return read_board(FIELD / f"{name}.dts")


def codes(name: str, system: System = UNKNOWN) -> set[str]:
    """Errors and warnings."""
    found = check(tree(name), system)
    return {each.code for each in found if each.severity.value != "note"}


def states(name: str, system: System = UNKNOWN) -> dict[str, State]:
    return {route.name: route.state for route in routes(tree(name), system)}


def reason(name: str, way: str, system: System = UNKNOWN) -> str:
    found = routes(tree(name), system)
    return next(route.reason for route in found if route.name == way)


# --- boards that were judged right from the start ------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected", "with_one_cpu"),
    [
        ("bcm4908-old", {"RP024", "RP026", "RP040"}, CLOSED),  # nothing reserved
        ("bcm4908-new", {"RP024", "RP040"}, DEPENDS),
        ("tmpv7708", {"RP024", "RP040"}, DEPENDS),
        ("msm8939-lk2nd", {"RP024", "RP040"}, DEPENDS),
        ("base", {"RP040"}, DEPENDS),
    ],
)
def test_spin_tables_of_strangers(name: str, expected: set[str], with_one_cpu: State) -> None:
    assert codes(name) == expected
    found = states(name)
    assert found["psci"] is found["firmware-return"] is CLOSED
    assert found["pen-psci-el2"] is found["pen-return"] is found["kdump"] is DEPENDS
    assert found["nr-cpus"] is with_one_cpu
    assert states(name, System(entry_level=2))["pen-psci-el2"] is OPEN
    assert states(name, System(entry_level=1))["pen-psci-el2"] is CLOSED


def test_axiado_has_its_words_outside_of_ram() -> None:
    assert codes("axiado") == {"RP024", "RP025", "RP040"}
    assert states("axiado")["pen-psci-el2"] is DEPENDS


def test_apple_a10_as_linux_has_it() -> None:
    """Release addresses are zero, and there is no RAM: m1n1 fills in both."""
    assert codes("apple-a10") == {"RP022", "RP040"}
    found = states("apple-a10")
    assert found["pen-return"] is found["nr-cpus"] is DEPENDS


# --- the rows, by their names --------------------------------------------------------------

AT_EL2, AT_EL1 = System(entry_level=2), System(entry_level=1)


def live(**changes: object) -> System:
    """A running system with all that kexec needs."""
    return replace(LIVE, **changes)  # type: ignore[arg-type]


def hits(name: str, code: str, system: System = UNKNOWN) -> list[Finding]:
    return [each for each in check(tree(name), system) if each.code == code]


def test_f1_the_boot_cpu_says_psci_and_the_others_spin() -> None:
    """Measured: `kexec -l` on CPU 0 is accepted, and `kexec -e` ends in a kernel BUG."""
    assert codes("mixed-boot") == {"RP004", "RP006", "RP040", "RP061"}
    (found,) = hits("mixed-boot", "RP006")
    assert found.node == "/cpus/cpu@0"
    assert "cpu@1, cpu@2, cpu@3" in found.found
    assert "BUG" in found.do
    (found,) = hits("mixed-boot", "RP040")
    assert "don't load" in found.do
    for system in (UNKNOWN, AT_EL2, live()):
        assert states("mixed-boot", system)["psci"] is CLOSED
        assert "kernel BUG (RP006)" in reason("mixed-boot", "psci", system)
    assert states("mixed-boot", AT_EL2)["pen-psci-el2"] is OPEN
    assert states("mixed-boot")["kdump"] is DEPENDS


def test_f3_what_closes_comes_before_what_depends() -> None:
    assert states("zero")["pen-psci-el2"] is DEPENDS
    assert "fills in the release addresses" in reason("zero", "pen-psci-el2")
    assert states("zero", AT_EL1)["pen-psci-el2"] is CLOSED
    assert "EL1" in reason("zero", "pen-psci-el2", AT_EL1)
    assert states("zero", AT_EL2)["pen-psci-el2"] is DEPENDS


@pytest.mark.parametrize("name", ["msm8939", "norel", "zero"])
def test_f4_addresses_that_the_loader_adds(name: str) -> None:
    found = states(name, AT_EL2)
    for way in ("pen-psci-el2", "pen-return", "nr-cpus"):
        assert found[way] is DEPENDS
        assert "if the loader fills in the release addresses" in reason(name, way, AT_EL2)
    assert found["psci"] is CLOSED
    handed_over = states(name, live())
    assert handed_over["pen-psci-el2"] is handed_over["pen-return"] is CLOSED
    assert "RELEASE_WORD_BAD" in reason(name, "pen-psci-el2", live())


def test_f4_methods_that_the_loader_adds() -> None:
    assert codes("nomethod") == {"RP002"}
    found = states("nomethod", AT_EL2)
    for way in ("psci", "pen-psci-el2", "pen-return", "firmware-return", "nr-cpus", "kdump"):
        assert found[way] is DEPENDS
        assert "if the loader fills in the enable-methods" in reason("nomethod", way, AT_EL2)
    handed_over = states("nomethod", live(possible=1, online=1))
    assert handed_over["psci"] is handed_over["pen-psci-el2"] is CLOSED


def test_f5_cpus_that_linux_never_counts() -> None:
    """Measured: norel's CPUs are not possible, kexec is not refused, the second kernel comes."""
    running = live(possible=1, online=1)
    assert codes("norel") == codes("norel", running) == {"RP020"}
    assert states("norel", running)["nr-cpus"] is CLOSED
    assert "does not refuse kexec" in reason("norel", "nr-cpus", running)
    assert states("norel", live(possible=1, online=1, config=None))["kdump"] is OPEN


def test_f5_a_system_that_runs_with_one_cpu() -> None:
    running = live(possible=1, online=1, command_line="nr_cpus=1")
    assert codes("base", running) == set()
    assert "RP109" in {each.code for each in check(tree("base"), running)}
    assert states("base", running)["nr-cpus"] is DEPENDS


@pytest.mark.parametrize(
    ("name", "state", "word"),
    [
        ("mmioword", CLOSED, "device's register"),
        ("rtd1295", CLOSED, "not aligned"),
        ("axiado", CLOSED, "no more than the release words is reserved"),
        ("sparx5", DEPENDS, "outside of RAM"),
        ("bcm4908-old", CLOSED, "not reserved"),
        ("base", DEPENDS, "in the reserved memory"),
    ],
)
def test_f6_where_the_words_are(name: str, state: State, word: str) -> None:
    assert states(name)["nr-cpus"] is state
    assert word in reason(name, "nr-cpus")


def test_f7_psci_without_cpu_off() -> None:
    assert codes("psci01-nooff") == {"RP064"}
    for system in (UNKNOWN, live()):
        assert states("psci01-nooff", system)["psci"] is CLOSED
        assert "BUG" in reason("psci01-nooff", "psci", system)


@pytest.mark.parametrize(
    ("name", "line", "online", "code", "closed"),
    [
        ("tfa-left", "psci: failed to boot CPU1 (-95)", 1, "RP117", {"psci"}),
        ("tfa-left", "CPU1: failed to come online", 3, "RP116", {"psci"}),
        (
            "base",
            "missing boot CPU MPIDR, not enabling secondaries",
            1,
            "RP118",
            {"psci", "pen-psci-el2", "pen-return"},
        ),
    ],
)
def test_f8_what_the_log_proves(
    name: str, line: str, online: int, code: str, closed: set[str]
) -> None:
    running = live(online=online, log=(line,))
    assert code in codes(name, running)
    found = states(name, running)
    assert all(found[way] is CLOSED for way in closed)


def test_f8_a_lost_cpu_of_a_spin_table_leaves_the_pen_to_the_next_start() -> None:
    running = live(online=3, log=("CPU1: failed to come online",))
    assert states("base", live())["pen-psci-el2"] is OPEN
    assert states("base", running)["pen-psci-el2"] is DEPENDS


def test_f8_on_pending_after_a_cpu_was_lost() -> None:
    running = live(online=3, log=("psci: failed to boot CPU1 (-22)",))
    assert {"RP119", "RP112"} <= codes("tfa-left", running)
    assert states("tfa-left", running)["psci"] is DEPENDS


def test_f8_fewer_online_than_possible_and_what_cannot_go() -> None:
    assert states("tfa-left", live())["psci"] is OPEN
    assert states("tfa-left", live(online=3))["psci"] is DEPENDS
    assert states("tfa-left", live(cannot_offline=(2,)))["psci"] is CLOSED


def test_f9_a_promise_in_a_file_is_none() -> None:
    assert states("wt88047")["psci"] is DEPENDS
    assert states("wt88047", AT_EL1)["psci"] is DEPENDS
    assert states("wt88047", live())["psci"] is OPEN
    assert states("wt88047", live(online=1, possible=4))["psci"] is DEPENDS


@pytest.mark.parametrize("name", ["apple-a10", "apple-a10w"])
def test_f21_cores_without_el2(name: str) -> None:
    for system in (UNKNOWN, AT_EL1):
        found = states(name, system)
        assert found["pen-psci-el2"] is CLOSED
        assert "no EL2" in reason(name, "pen-psci-el2", system)
        assert found["pen-return"] is DEPENDS


def test_f22_ids_that_linux_does_not_take() -> None:
    assert codes("mpidr-mt") == {"RP011"}
    assert len(hits("mpidr-mt", "RP011")) == 1
    for system in (UNKNOWN, AT_EL2, live(possible=1, online=1)):
        found = states("mpidr-mt", system)
        assert found["psci"] is found["pen-psci-el2"] is found["pen-return"] is CLOSED


@pytest.mark.parametrize(
    ("name", "code"), [("rtd1295-vendor", "RP003"), ("rtd1295", "RP023"), ("mpidr-mt", "RP011")]
)
def test_four_equal_cpus_are_one_finding(name: str, code: str) -> None:
    (found,) = hits(name, code)
    assert " of 4 CPUs (" in found.found


def test_words_outside_of_ram_are_one_finding() -> None:
    (found,) = hits("m3-boot", "RP025")
    assert found.found.startswith("0x800001000 for cpu@0; ")
    assert found.found.endswith("; 1 more")
    (found,) = hits("mmioword", "RP025")
    assert found.found.endswith("in the registers of /syscon@9801a000")


def test_a_tree_over_2_mib_boots_nothing() -> None:
    board = replace(tree("base"), size=layout.TREE_MAX + 1)
    assert {route.state for route in routes(board, AT_EL2)} == {CLOSED}
    assert "TREE_BAD" in next(r.reason for r in routes(board) if r.name == "pen-psci-el2")
