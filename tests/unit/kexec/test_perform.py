# SPDX-License-Identifier: BSD-2-Clause
"""Which reason is told, and with which status; nothing is begun then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from roundpen.cli import kexec
from roundpen.errors import RefusedError, UserError
from roundpen.kexec import perform
from roundpen.kexec.plan import Plan, make
from roundpen.kexec.reasons import Reason, Weight
from roundpen.kexec.system import read
from roundpen.kexec.wanted import Wanted, Way
from tests.unit.kexec.systems import system
from tests.unit.kexec_root import put

OURS = Reason("permission", Weight.CALLER, "loading a kernel needs root", "use sudo")
KERNELS = Reason("lockdown", Weight.MACHINE, "this kernel is locked down", "sign it")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make(read(system(tmp_path)), Wanted(tmp_path / "none", dry_run=True))


def test_no_reason(plan: Plan) -> None:
    perform.refuse(replace(plan, refused=()))


def test_the_callers_reason_comes_first(plan: Plan) -> None:
    both = replace(plan, refused=(KERNELS, OURS))
    with pytest.raises(UserError, match=r"loading a kernel needs root; use sudo$"):
        perform.refuse_caller(both)
    with pytest.raises(UserError):
        perform.refuse(both)


def test_the_machines_reason(plan: Plan) -> None:
    alone = replace(plan, refused=(KERNELS,))
    perform.refuse_caller(alone)
    with pytest.raises(RefusedError, match=r"this kernel is locked down; sign it$"):
        perform.refuse(alone)
    with pytest.raises(RefusedError, match=r"locked down \(and 1 more, see the plan\); sign it"):
        perform.refuse(replace(plan, refused=(KERNELS, KERNELS)))


def test_a_container_is_the_callers(tmp_path: Path) -> None:
    root = system(tmp_path)
    put(root, ".dockerenv", "")
    with pytest.raises(UserError, match=r"container \(docker\)"):
        perform.refuse_caller(make(read(root), Wanted(tmp_path / "none")))


def test_the_ways_of_the_command_line() -> None:
    assert [way.value for way in Way] == list(kexec._WAYS)
