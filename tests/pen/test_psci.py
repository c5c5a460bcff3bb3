# SPDX-License-Identifier: BSD-2-Clause
"""Every call and every error code, on the pen and on QEMU's own PSCI as the yardstick."""

from __future__ import annotations

import pytest

from roundpen.lab.vendor import VirtSpec
from tests.pen.config import Tests
from tests.pen.harness import Bench, Outcome

CALLS = (
    "version", "smccc-version", "smccc-features-version", "smccc-features-features",
    "smccc-features-unknown", "migrate-info-type", "affinity-info-me", "affinity-info-me-64",
    "affinity-info-parked", "affinity-info-parked-64", "affinity-info-32-is-w1",
    "features-version", "features-cpu-suspend", "features-cpu-suspend-64", "features-cpu-off",
    "features-cpu-on", "features-cpu-on-64", "features-affinity-info",
    "features-affinity-info-64", "features-migrate-info-type", "features-features",
    "features-smccc-version", "features-unknown", "features-unknown-64", "features-migrate",
    "features-version-has-no-64", "features-0", "unknown-0", "unknown-psci", "unknown-psci-64",
    "unknown-psci-beyond-32", "unknown-migrate", "unknown-version-64", "unknown-sip",
    "unknown-trng", "unknown-ones", "unknown-yielding", "unknown-is-64-bits-wide",
    "function-is-w0",
)  # fmt: skip
ERRORS = (
    "on-unknown-mpidr", "on-unknown-mpidr-32", "on-unknown-aff1", "on-unknown-aff2",
    "on-unknown-aff3", "on-reserved-bit-24", "on-reserved-bit-31", "on-reserved-bit-63",
    "on-all-ones", "affinity-info-unknown", "affinity-info-reserved-bit",
    "affinity-info-all-ones", "affinity-info-level", "on-unaligned-1", "on-unaligned-2",
    "on-unaligned-32", "refused-leaves-it-off", "on-myself", "on-myself-32", "on", "on-twice",
    "affinity-info-on", "on-leaks-nothing", "off", "on-pending", "on-32-is-w1-w2-w3",
)  # fmt: skip
PEN_OWNED = ("on-pen-first", "on-pen-logbook", "on-pen-last")
SUSPEND = (
    "suspend-standby", "suspend-standby-64", "suspend-powerdown", "suspend-powerdown-64",
    "suspend-powerdown-extended", "suspend-cluster",
)  # fmt: skip
KEEPS = (
    "keeps-version", "keeps-smccc-version", "keeps-smccc-features", "keeps-features",
    "keeps-migrate-info", "keeps-unknown", "keeps-affinity-info", "keeps-affinity-info-64",
    "keeps-affinity-info-bad", "keeps-on-bad-mpidr", "keeps-on-bad-entry", "keeps-on-already",
    "keeps-on", "keeps-on-went-on", "keeps-suspend", "keeps-suspend-bad",
)  # fmt: skip
NO_MEANS = (
    "keeps-system-off-unsupported", "system-off-unsupported", "keeps-system-reset-unsupported",
    "system-reset-unsupported",
)  # fmt: skip

QEMU_DEPARTS = {
    "smccc-version": "knows no SMCCC calls",
    "smccc-features-version": "knows no SMCCC calls",
    "smccc-features-features": "knows no SMCCC calls",
    "features-smccc-version": "knows no SMCCC calls",
    "affinity-info-32-is-w1": "takes all 64 bits of a 32-bit call's arguments",
    "on-32-is-w1-w2-w3": "takes all 64 bits of a 32-bit call's arguments",
    "function-is-w0": "takes all 64 bits of the function number",
    "affinity-info-level": "says ON for every level above 0",
    "on-unaligned-1": "answers INVALID_PARAMETERS",
    "on-unaligned-2": "answers INVALID_PARAMETERS",
    "on-unaligned-32": "answers INVALID_PARAMETERS",
    "on-pending": "ON_PENDING is never seen with all CPUs on one host thread",
    "suspend-powerdown": "takes power-down for standby",
    "suspend-powerdown-64": "takes power-down for standby",
}
"""Where QEMU 7.2 is not what DEN0022 and DEN0028 say, so that it is no yardstick."""

TESTS = Tests.CALLS | Tests.ERRORS | Tests.REGISTERS | Tests.SUSPEND


@pytest.fixture(scope="module", params=["gicv2-a72", "gicv3-max"])
def on_pen(request: pytest.FixtureRequest, bench: Bench) -> Outcome:
    spec = VirtSpec() if request.param == "gicv2-a72" else VirtSpec(cpu="max", gic=3, mte=True)
    return bench.on_pen(spec, TESTS | Tests.NO_SYSTEM_CALLS)


@pytest.fixture(scope="module")
def on_qemu(bench: Bench) -> Outcome:
    return bench.on_qemu_psci(VirtSpec(), TESTS)


@pytest.mark.parametrize("case", [*CALLS, *ERRORS, *PEN_OWNED, *SUSPEND, *KEEPS, *NO_MEANS])
def test_pen(on_pen: Outcome, case: str) -> None:
    on_pen.check(case)


def test_pen_run_ends_well(on_pen: Outcome) -> None:
    on_pen.check_all()


@pytest.mark.parametrize("case", [*CALLS, *ERRORS, *SUSPEND, *KEEPS])
def test_yardstick(on_qemu: Outcome, case: str) -> None:
    """The same test kernel, somebody else's PSCI: what fails here may be the test's mistake."""
    if case in QEMU_DEPARTS:
        pytest.skip(f"QEMU {QEMU_DEPARTS[case]}")
    on_qemu.check(case)


def test_yardstick_ends(on_qemu: Outcome) -> None:
    assert on_qemu.ended, on_qemu.story()
