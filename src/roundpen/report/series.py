# SPDX-License-Identifier: BSD-2-Clause
"""What the judges of a patch series said, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from roundpen.kernel.finding import Finding, Verdict


def text(findings: Sequence[Finding]) -> str:
    """A line per finding, and one that counts them."""
    counts = ", ".join(
        f"{sum(one.verdict is verdict for one in findings)} {verdict.value}" for verdict in Verdict
    )
    return "".join(f"{one}\n" for one in findings) + f"{len(findings)} findings: {counts}\n"


def as_json(findings: Sequence[Finding]) -> str:
    """The same as a JSON object: `findings`, a list, and `passed`."""
    rows = [
        {
            "line": one.line,
            "judge": one.judge,
            "patch": one.patch,
            "verdict": one.verdict.value,
            "said": one.said,
        }
        for one in findings
    ]
    passed = all(one.verdict is Verdict.CONTENT for one in findings)
    return json.dumps({"passed": passed, "findings": rows}, indent=2) + "\n"
