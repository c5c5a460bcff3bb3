# SPDX-License-Identifier: BSD-2-Clause
"""Each patch of each line under checkpatch, dt-schema and the compiler. Starts no machine.

The Image after each patch and the other configurations are `make series`: they take long.
"""

from __future__ import annotations

import pytest

from roundpen.kernel import check, series, source
from roundpen.kernel.finding import Verdict


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("line", source.ORIGINS)
def test_the_judges_are_content(line: str) -> None:
    findings = check.check_line(line, check.Builds.TOUCHED)
    assert [str(one) for one in findings if one.verdict is not Verdict.CONTENT] == []
    patches = [one.stem for one in series.lines()[line].patches]
    judged = {judge: [one.patch for one in findings if one.judge == judge]
              for judge in ("checkpatch", "build", "dt-validate")}  # fmt: skip
    assert judged["checkpatch"] == judged["build"] == patches
    assert judged["dt-validate"], "the binding's cases were not judged"


@pytest.mark.parametrize("line", source.ORIGINS)
def test_the_source_keeps_linuxs_own_hotplug_test(line: str) -> None:
    assert (source.selftest(line) / "cpu-on-off-test.sh").is_file()
