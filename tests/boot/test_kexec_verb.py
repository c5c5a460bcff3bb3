# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen kexec` on an emulated Raspberry Pi 3B: stock tree, Debian's stock kernels, no systemd.

One machine, two kernels: 6.1 is asked, rehearsed, interrupted and left; 6.12 has every CPU and
says that all is as promised.
"""

from __future__ import annotations

import pytest

from roundpen.cli.exits import Exit
from roundpen.kernel import module
from roundpen.lab import session
from roundpen.lab.machines import machine
from roundpen.lab.scenario import Expectation, Scenario
from roundpen.lab.session import Job, Result
from tests.boot import guest_verb
from tests.boot.guest_verb import VERB, Told
from tests.boot.runs import TIMEOUT, worked

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

FIRST, NEXT = "debian-6.1", "debian-6.12"
TRIALS = """
try_it() {
	given="/boot/vmlinuz --initrd /tmp/next.cpio"
	verb dry-run $given --dry-run
	nobody nobody $given --load-only
	ended ended $given --load-only --no-rehearsal
	verb load-only $given --load-only
	verb last --last
}
"""
ALL = "0-3"


def test_from_the_plan_to_the_verdict() -> None:
    """One test, or each worker would boot a machine for its part of the checks."""
    result = run()
    told = guest_verb.told(result.events)
    the_plan_changes_nothing(told["dry-run"])
    one_line(told["nobody"], "root")
    an_interrupted_load_leaves_nothing(told["ended"])
    each_cpu_was_rehearsed(told["load-only"])
    assert told["last"].out[0].startswith("not jumped yet: 6.1.0-")
    the_next_kernel_is_as_promised(result)


def run() -> Result:
    first, following = session.kernel(FIRST), session.kernel(NEXT)
    assert first.package is not None
    job = Job(
        machine("raspi3b"),
        first,
        Scenario(kexecs=1, extra=(f"run {VERB} --last",), expects=Expectation()),
        timeout=TIMEOUT,
        files=guest_verb.files(module.build(FIRST), first.package.release, following.image, TRIALS),
    )
    result = session.perform(job)
    problems = [result.console.fatal, *result.console.complaints]
    assert not any(problems), "\n".join([*problems, f"transcript: {result.transcript}"])
    return result


def the_plan_changes_nothing(told: Told) -> None:
    assert told.status == Exit.DONE, told
    assert told.err == []
    assert not told.loaded
    assert told.left == ""


def one_line(told: Told, word: str) -> None:
    assert (told.status, told.out) == (Exit.UNUSABLE, []), told
    assert len(told.err) == 1
    assert told.err[0].startswith("roundpen: error: ")
    assert word in told.err[0]
    assert not told.loaded


def an_interrupted_load_leaves_nothing(told: Told) -> None:
    assert told.out == ["held=1"]
    assert told.status == Exit.TERMINATED, told
    assert told.err[-1] == "roundpen: ended by SIGTERM"
    assert (told.loaded, told.online, told.left) == (False, ALL, "")


def each_cpu_was_rehearsed(told: Told) -> None:
    assert told.status == Exit.DONE, told
    assert told.loaded
    assert told.online == ALL
    assert told.left == "/var/lib/roundpen/promise.json"
    trips = [line for line in told.err if line.endswith("counted by the pen; works")]
    assert [line[:6] for line in trips] == [f"CPU {cpu}:" for cpu in (1, 2, 3, 1, 2, 3)]


def the_next_kernel_is_as_promised(result: Result) -> None:
    (kernel,) = [e for e in result.events if (e.generation, e.name) == (1, "kernel")]
    assert kernel.value(
        "release",
    ).startswith("6.12.")
    assert kernel.value("online") == ALL
    assert worked(result, "first", 1) == {0, 1, 2, 3}
    (last,) = [e for e in result.events if (e.generation, e.name) == (1, "run")]
    assert last.value("status") == str(int(Exit.DONE))
    assert last.rest("said").startswith("as promised: 6.1.0-")
