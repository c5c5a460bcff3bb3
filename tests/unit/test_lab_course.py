# SPDX-License-Identifier: BSD-2-Clause
"""What is asked of each kernel of a run, and what must come of it."""

from __future__ import annotations

import pytest

from roundpen.contract.layout import Offer
from roundpen.errors import UserError
from roundpen.lab import faults, trials, vendor
from roundpen.lab.course import Leaving, counts, limit_of, spoken, stages
from roundpen.lab.events import Event, kvm_seed
from roundpen.lab.faults import REASON, Fault, Faulty
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Crash, Expectation, Scenario, expected
from roundpen.lab.steps import steps

RETURNING = machine("virt-returning-el2-gicv3-4-a72")
NONCE = "00112233445566778899aabbccddeeff"


def with_faults(*wrong: Faulty) -> Expectation:
    return expected(RETURNING, None, returns=True, faults=wrong)


def test_a_limit_is_the_first_kernels_only() -> None:
    scenario = Scenario(kexecs=1, cycles=1, limit="maxcpus=2")
    first, second = stages(scenario, 4)
    assert (sorted(first.online), first.unplugged) == ([0, 1], (1,))
    assert (sorted(second.online), second.unplugged) == ([0, 1, 2, 3], (1, 2, 3))
    assert "0 load maxcpus=2" in steps(scenario, 4)
    # Released: once per kernel that boots it, and once per cycle.
    assert [counts((first, second), 0, cpu, 1) for cpu in range(4)] == [
        *((1, 0), (2, 1), (0, 0), (0, 0)),
    ]
    assert [counts((first, second), 1, cpu, 1) for cpu in range(4)] == [
        *((1, 0), (4, 3), (2, 1), (2, 1)),
    ]


@pytest.mark.parametrize(
    ("words", "limit"),
    [("nosmp", 1), ("maxcpus=3 quiet", 3), ("maxcpus=0", 1), ("x=maxcpus=1", 1 << 16), ("", 65536)],
)
def test_limits(words: str, limit: int) -> None:
    assert limit_of(words) == limit


def test_a_crash_renumbers_the_cpus() -> None:
    scenario = Scenario(kexecs=1, crash=Crash(cpu=2, spinning=0))
    first, second, capture = stages(scenario, 4)
    assert (first.leaving, second.leaving) == (Leaving.JUMP, Leaving.CRASH)
    assert capture.numbers == (2, 0, 1, 3)
    assert capture.online == {0, 2, 3}
    course = (first, second, capture)
    assert [counts(course, 2, number, 0) for number in range(4)] == [
        *((1, 0), (3, 2), (2, 1), (3, 2)),
    ]
    said = spoken(scenario, 4)
    assert said.last == ""
    assert "CPU1: failed to boot" in said.lines
    assert any("sysrq triggered crash" in line for line in said.lines)
    lines = [line for line in steps(scenario, 4) if line.startswith("1 ")]
    assert lines[-3:] == ["1 load-capture", "1 crash 2 0", "1 finish stay"]


def test_a_capture_kernel_with_one_cpu() -> None:
    scenario = Scenario(crash=Crash(cpu=1, append="maxcpus=1"))
    assert stages(scenario, 4)[1].online == {0}
    assert "0 load-capture maxcpus=1" in steps(scenario, 4)


def test_a_fault_that_shows_refuses_for_that_cpu_only() -> None:
    wanted = with_faults(Faulty(2, Fault.SHARED_WORD))
    (stage,) = stages(Scenario(kexecs=1, cycles=1, expects=wanted), 4)
    assert stage.refused
    assert stage.stuck == dict.fromkeys((1, 2), REASON[Fault.SHARED_WORD])
    assert stage.unplugged == (1, 2, 3)
    # CPU 0 is the one that jumps: that it can't leave is no obstacle.
    wanted = with_faults(Faulty(0, Fault.NO_ENTRY))
    assert len(stages(Scenario(kexecs=1, expects=wanted), 4)) == 2


def test_silence_shows_only_when_a_cpu_goes() -> None:
    wanted = with_faults(Faulty(2, Fault.NO_RECEIPT))
    (stage,) = stages(Scenario(kexecs=1, cycles=1, expects=wanted), 4)
    assert (stage.refused, stage.panics, set(stage.lost)) == (True, False, {2})
    scenario = Scenario(kexecs=1, expects=wanted)
    (stage,) = stages(scenario, 4)
    assert (stage.refused, stage.panics, stage.leaving) == (False, True, Leaving.JUMP)
    assert "Can't kexec" in spoken(scenario, 4).last
    assert not stages(Scenario(expects=wanted), 4)[0].panics


def test_old_trees_and_old_kernels() -> None:
    old = machine("virt-unique-el2-gicv2-4-a53")
    assert expected(old, None, returns=True).stays[3] == REASON[Fault.NO_ENTRY]
    assert expected(RETURNING, None) == Expectation(refused=True)
    assert expected(RETURNING, None, returns=True) == Expectation()
    assert expected(old, Offer.RETURN, returns=True) == Expectation(offer="return")
    (stage,) = stages(Scenario(kexecs=2, expects=expected(old, None)), 4)
    assert stage.refused
    assert stage.stuck == {}


def test_faults_on_the_command_line() -> None:
    assert faults.parse("1-2=no-receipt") == (
        Faulty(1, Fault.NO_RECEIPT),
        Faulty(2, Fault.NO_RECEIPT),
    )
    for text in ("1=nonsense", "x=no-entry", "3-1=no-entry", "=no-entry", "1"):
        with pytest.raises(UserError, match="fault"):
            faults.parse(text)
    with pytest.raises(UserError, match="no CPU 4; there are 0 to 3"):
        faults.check((Faulty(4, Fault.NO_ENTRY),), RETURNING)
    with pytest.raises(UserError, match="more than one fault"):
        faults.check((Faulty(1, Fault.NO_ENTRY), Faulty(1, Fault.ODD_WORD)), RETURNING)
    with pytest.raises(UserError, match="no CPU before CPU 0"):
        faults.check((Faulty(0, Fault.SHARED_WORD),), RETURNING)
    with pytest.raises(UserError, match="takes no CPU back"):
        vendor.spec_of(machine("virt-unique-el2-gicv2-4-a53"), (Faulty(1, Fault.NO_ENTRY),))


def test_a_machine_becomes_the_firmwares_description() -> None:
    spec = vendor.spec_of(RETURNING, (Faulty(1, Fault.ODD_WORD), Faulty(3, Fault.NO_RECEIPT)))
    assert (spec.returns, spec.faulty, spec.no_receipt) == (True, ((1, Fault.ODD_WORD),), (3,))
    assert not vendor.spec_of(machine("virt-shared-el1-gicv2-4-a53")).returns


def said(name: str, text: str) -> Event:
    return Event(0, 1, name, text, 1.0)


def test_the_cpus_that_a_refusal_names() -> None:
    wanted = with_faults(Faulty(2, Fault.ODD_ENTRY))
    (stage,) = stages(Scenario(kexecs=1, expects=wanted), 4)
    right = {2: f"its {REASON[Fault.ODD_ENTRY]}"}
    assert trials.stuck([said("stuck", f"cpu=2 why={right[2]}")]) == right
    assert not [*trials.check_stuck(right, stage)]
    assert "without naming CPU 2" in next(trials.check_stuck({}, stage))
    assert "expected" in next(trials.check_stuck({2: "it shares"}, stage))
    assert "CPU 3 can't leave" in next(trials.check_stuck(right | {3: "x"}, stage))


def test_a_virtual_machine_that_did_not_compute() -> None:
    scenario = Scenario(kvm=True)
    value = trials.kvm_result(kvm_seed(NONCE, 0, "first"))
    good = said("kvm", f"label=first status=0 exit=6 value={value:#x}")
    assert not [*trials.check_kvm([good], scenario, NONCE)]
    for text in (f"exit=6 value={value + 1:#x}", f"exit=8 value={value:#x}", "/dev/kvm: no"):
        bad = said("kvm", f"label=first status=0 {text}")
        assert [*trials.check_kvm([bad], scenario, NONCE)]
    assert [*trials.check_kvm([good], scenario, "another")]
    assert "no virtual machine" in next(trials.check_kvm([], scenario, NONCE))
