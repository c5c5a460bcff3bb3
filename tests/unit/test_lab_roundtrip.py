# SPDX-License-Identifier: BSD-2-Clause
"""Verdicts over two recorded consoles of raspi3b, and over the same with one thing changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.contract.layout import CpuState, Offer
from roundpen.lab.events import Event, mac, parser
from roundpen.lab.machines import RASPI3B
from roundpen.lab.roundtrip import Verdict, expand, judge
from roundpen.lab.scenario import Ending, Scenario, expected

CONSOLES = Path(__file__).parent / "consoles"
NONCE = "00112233445566778899aabbccddeeff"
WRAPPED = Scenario(kexecs=1, cycles=1, boot_cpu_too=True, expects=expected(RASPI3B, Offer.PSCI))
REFUSED = Scenario(kexecs=1, cycles=1, expects=expected(RASPI3B, None))


def events(name: str, change: Callable[[str], str] = str) -> list[Event]:
    """The events of a recorded console; `change` edits what an honest guest would have said."""
    parse = parser(NONCE)
    found = []
    for line in (CONSOLES / f"{name}.txt").read_text().splitlines():
        event = parse(line)
        if event is not None:
            said = f"{event.generation} {event.sequence} {event.name} {event.text}"
            edited = change(said)
            found.append(parse(f"[ {event.guest_time}] roundpen {mac(NONCE, edited)} {edited}"))
    return [event for event in found if event is not None]


def verdict(name: str, scenario: Scenario, change: Callable[[str], str] = str) -> Verdict:
    return judge(events(name, change), scenario, 4, NONCE)


def test_a_round_trip_passes() -> None:
    result = verdict("raspi3b-wrapped", WRAPPED)
    assert result.all_problems() == []
    assert result.passed
    first, second = result.trips
    assert (first.load, second.load) == ("loaded", "")
    assert (first.offer, first.level, second.accounted) == ("psci", "EL1", 4)
    secondary = second.cpus[3]
    assert secondary.worked == ("first", "after-hotplug")
    assert secondary.entry is not None
    assert secondary.entry.state is CpuState.ON
    assert (secondary.entry.released, secondary.entry.returned) == (4, 3)


def test_a_refusal_passes_where_it_is_expected() -> None:
    result = verdict("raspi3b-refused", REFUSED)
    assert result.passed
    assert result.trips[0].load == "Can't kexec: CPUs are stuck in the kernel."


def test_a_refusal_fails_where_it_is_not() -> None:
    problems = verdict("raspi3b-refused", WRAPPED).all_problems()
    assert any("kexec was refused" in problem for problem in problems)
    assert any("offer is none, expected psci" in problem for problem in problems)
    assert "kernel 1: its /init never reported" in problems


def test_an_acceptance_fails_where_a_refusal_is_expected() -> None:
    problems = verdict("raspi3b-wrapped", REFUSED).all_problems()
    assert any("accepted, expected a refusal" in problem for problem in problems)
    assert any("could be unplugged" in problem for problem in problems)


@pytest.mark.parametrize(
    ("pattern", "put", "problem"),
    [
        (r"online=0-3", "online=0-2", "CPU 3: not online"),
        (r"possible=0-3", "possible=0-1", "possible CPUs 0-1, expected 0-3"),
        (r"cpu=2 ran=2", "cpu=2 ran=0", "CPU 2: its work (first) ran on CPU 0"),
        (r"(label=first cpu=1 ran=1 digest=)\w{4}", r"\g<1>beef", "came out wrong"),
        (r"cpu=3 cycles=1 done=1", "cpu=3 cycles=1 done=0", "CPU 3: 0 of 1 hotplug cycles"),
        (r"roundpen,offer=psci", "roundpen,offer=", "offer is none"),
        (r"status=0 loaded=1", "status=255 loaded=0", "kexec was refused"),
    ],
)
def test_one_wrong_word_fails(pattern: str, put: str, problem: str) -> None:
    result = verdict("raspi3b-wrapped", WRAPPED, lambda said: re.sub(pattern, put, said))
    assert not result.passed
    assert any(problem in found for found in result.all_problems())


def test_a_lost_event_fails() -> None:
    whole = events("raspi3b-wrapped")
    for lost in whole[1:]:
        rest = [event for event in whole if event is not lost]
        assert not judge(rest, WRAPPED, 4, NONCE).passed, lost


def test_a_wrong_count_in_the_logbook_fails() -> None:
    at = 0x2000 + 0x100  # CPU 1
    pattern = re.compile(rf"(at={at} words=(?:\w+,){{4}})\w+")  # released, at 0x20
    result = verdict(
        "raspi3b-wrapped", WRAPPED, lambda said: pattern.sub(r"\g<1>0x0000000000000009", said)
    )
    assert any("counts 9 releases" in problem for problem in result.all_problems())


@pytest.mark.parametrize("put", ["words=0xff", "words=0xffff", "words=,", "words=devmem:"])
def test_a_damaged_logbook_is_a_problem_not_a_traceback(put: str) -> None:
    result = verdict("raspi3b-wrapped", WRAPPED, lambda said: re.sub("words=0x..", put, said))
    assert any("logbook: " in problem for problem in result.all_problems())


def test_another_nonce_proves_nothing() -> None:
    result = judge(events("raspi3b-wrapped"), WRAPPED, 4, "another")
    assert all("did no work" not in account.worked for account in result.trips[0].cpus)
    assert not result.passed


def test_no_events_at_all() -> None:
    assert judge([], REFUSED, 4, NONCE).all_problems() == [
        "the first kernel's /init never reported"
    ]


def test_a_reboot_is_the_firmware_starting_the_kernel_again() -> None:
    scenario = replace(WRAPPED, ending=Ending.REBOOT)
    whole = events("raspi3b-wrapped")
    assert "did not start the kernel again" in judge(whole, scenario, 4, NONCE).problems[0]
    assert judge([*whole, whole[0]], scenario, 4, NONCE).passed


def test_cpu_lists() -> None:
    assert expand("0-2,5") == {0, 1, 2, 5}
    assert expand("") == set()
    assert expand("x-3,-,7") == {7}
