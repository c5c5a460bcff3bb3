# SPDX-License-Identifier: BSD-2-Clause
"""A coverage-guided fuzzer on the checker: `python -m tests.fuzz.fuzz_check SECONDS CORPUS`.

atheris (libFuzzer) mutates real trees and keeps what reaches new code. It stops after SECONDS,
or at the first exception that is no UserError; what caused that is written to CORPUS's parent
as crash-*: put it into tests/unit/corpus/dtb, where it stays as a test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["roundpen.check", "roundpen.devicetree"]):
    import roundpen.check.findings
    import roundpen.check.survey
    import roundpen.devicetree.outline

    roundpen.check.findings.rules()

from roundpen.kernel import debian
from tests.unit.check_boards import psci, returnable, spin, survives

KERNEL = "debian-6.1"
LARGEST = 64 << 10
"""Bytes of a seed, and of an input: larger ones are slow and reach nothing new."""
SLOWEST = 20
"""Seconds for one input, above which it counts as a hang."""


def seeds(folder: Path) -> int:
    """Write real trees, one of each vendor, and the tests' own into `folder`; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    trees = {"psci": psci().dtb(), "spin": spin().dtb(), "returnable": returnable().dtb()}
    for path in debian.kernel(KERNEL).trees():
        if path.stat().st_size <= LARGEST:
            trees.setdefault(path.parent.name, path.read_bytes())
    for name, data in trees.items():
        (folder / f"seed-{name}.dtb").write_bytes(data)
    return len(trees)


def main() -> None:
    """Fuzz for a bounded time."""
    seconds, folder = int(sys.argv[1]), Path(sys.argv[2])
    sys.stderr.write(f"{seeds(folder)} seeds\n")
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={SLOWEST}",
        f"-max_len={LARGEST}",
        f"-artifact_prefix={folder.parent}/",
        "-rss_limit_mb=2048",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], survives)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
