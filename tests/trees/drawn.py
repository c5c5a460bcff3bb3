# SPDX-License-Identifier: BSD-2-Clause
"""Trees with two or three edits at once, drawn by Hypothesis: always the same ones."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from roundpen.devicetree import Tree
from roundpen.errors import UserError
from tests.trees.kinds import CASES, Case
from tests.trees.machine import SPINS, Edit, Session, tree_of

SEED = 20261125
COUNT = 12
SLOW = ("outside of RAM", "that are not there", "words: ", "no /cpus", "as-it-is", "140")
"""Of no use in company: they decide alone what comes of the tree, or take long."""


def drawn() -> list[Case]:
    """The drawn trees. A later edit of a node that an earlier one took away does nothing."""
    pool = [one for one in CASES if one.session.machine is SPINS
            and not any(words in one.name for words in SLOW)]  # fmt: skip
    found: dict[str, Case] = {}

    @seed(SEED)
    @settings(max_examples=4 * COUNT, database=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(st.sampled_from(pool), min_size=2, max_size=3, unique_by=_kind))
    def draw(cases: list[Case]) -> None:
        name = " + ".join(one.name for one in cases)
        found.setdefault(name, Case(name, Session(SPINS, _together(cases))))

    draw()
    fitting = [case for case in found.values() if _fits(case)]
    return fitting[:COUNT]


def _kind(case: Case) -> str:
    return case.name.partition(":")[0]


def _fits(case: Case) -> bool:
    """Do the edits go together? Two may want the same node under another name."""
    try:
        tree_of(case.session)
    except UserError:
        return False
    return True


def _together(cases: list[Case]) -> Edit:
    def edit(tree: Tree) -> None:
        for one in cases:
            one.session.edit(tree)

    return edit
