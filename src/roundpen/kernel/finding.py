# SPDX-License-Identifier: BSD-2-Clause
"""What the judges of a series say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """A judge that was not there has not agreed: SKIPPED is no pass."""

    CONTENT = "content"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """One judge's word on one patch, or on the "series"."""

    line: str
    judge: str
    patch: str
    said: str
    verdict: Verdict

    def __str__(self) -> str:
        """In one line."""
        return f"{self.line}: {self.judge}: {self.patch}: {self.verdict.value}: {self.said}"
