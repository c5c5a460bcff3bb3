# SPDX-License-Identifier: BSD-2-Clause
"""The pen on QEMU's raspi3b: somebody else's spin-table, and a board with means of its own."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pen import payload_build
from tests.pen.config import Config, Tests
from tests.pen.harness import Bench, Outcome, start, wrapped

UART = 0x3F20_1000
SOURCE = Path(__file__).with_name("raspi3b.dts")


def on_raspi3b(
    bench: Bench, tests: Tests, *, timeout: float = 60, no_reboot: bool = True
) -> Outcome:
    if shutil.which("dtc") is None:
        pytest.skip("dtc is not installed")
    workdir = bench.folder(f"raspi3b-{secrets.token_hex(4)}")
    dtb = workdir / "board.dtb"
    subprocess.run(["dtc", "-q", "-O", "dtb", "-o", str(dtb), str(SOURCE)], check=True)
    what = Config(
        nonce=secrets.randbits(64), tests=tests, uart=UART, mpidrs=(0, 1, 2, 3), part=0xD03,
        cycles=100,
    )  # fmt: skip
    image = workdir / "wrapped.bin"
    image.write_bytes(wrapped(payload_build.image(what)))
    arguments = ["-machine", "raspi3b", "-accel", "tcg,thread=single", "-kernel", str(image),
                 "-dtb", str(dtb)]  # fmt: skip
    return start(arguments, workdir, what.nonce, timeout, qemu=bench.qemu, no_reboot=no_reboot)


def test_calls_state_and_cycles(bench: Bench) -> None:
    tests = Tests.CALLS | Tests.ERRORS | Tests.REGISTERS | Tests.STATE | Tests.CYCLES
    outcome = on_raspi3b(bench, tests)
    outcome.check_all()
    assert len(outcome.cases["cycles"]) == 3
    assert outcome.tree.text("/chosen", "roundpen,offer") == "psci"
    assert (outcome.logbook.can_power_off, outcome.logbook.can_reset) == (True, True)


def test_features(bench: Bench) -> None:
    on_raspi3b(bench, Tests.FEATURES).check_all()


def test_system_off(bench: Bench) -> None:
    """QEMU is allowed to restart the board, and ends all the same: it was switched off."""
    outcome = on_raspi3b(bench, Tests.OFF, timeout=20, no_reboot=False)
    assert outcome.status == 0, outcome.story()
    assert outcome.lines[-1] == "system-off", outcome.story()
    assert not outcome.bad()


def test_system_reset(bench: Bench) -> None:
    """Ends where QEMU is told to end at a reset ..."""
    outcome = on_raspi3b(bench, Tests.RESET, timeout=20)
    assert outcome.status == 0, outcome.story()
    assert outcome.lines[-1] == "system-reset", outcome.story()


def test_system_reset_starts_again(bench: Bench) -> None:
    """... and otherwise comes back, again and again: it was no switching off."""
    outcome = on_raspi3b(bench, Tests.RESET, timeout=6, no_reboot=False)
    assert outcome.status == -1, outcome.story()
    assert sum("system-reset" in line for line in outcome.lines) >= 2, outcome.story()
