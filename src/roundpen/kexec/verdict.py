# SPDX-License-Identifier: BSD-2-Clause
"""What was promised before the jump, and what the next kernel finds.

The promise is written before the jump, the comparison made after it: by roundpen-verdict.service
at the next boot, or by whoever asks with `roundpen kexec --last`. Both files are small, written
as a whole or not at all.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from types import NoneType

from roundpen.check import sysfs
from roundpen.check.files import read_bounded
from roundpen.check.kernel_log import KernelLog
from roundpen.contract import layout
from roundpen.errors import MachineError, RefusedError, RoundpenError, UserError, reason_of
from roundpen.kexec import late
from roundpen.kexec.digest import digest
from roundpen.kexec.plan import Plan
from roundpen.logbook.live import region_base
from roundpen.publish import publish

HOME = "var/lib/roundpen"
"""Below the root folder."""
_PROMISE, _VERDICT = "promise.json", "verdict.json"
_FORMAT = "roundpen-promise-1"
_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class Facts:
    """What can be promised and found. None: not known.

    `tree`: the digest of roundpen.kexec.digest. `pen`: its region, as "0x<base> 0x<size>".
    """

    release: str | None
    cpus: int | None
    level: str | None
    pen: str | None
    tree: str | None


@dataclass(frozen=True, slots=True)
class Promise:
    """Made on the boot `boot_id`, `at` seconds since 1970, by the kernel `before`."""

    boot_id: str
    at: int
    before: str
    kernel: str
    way: str
    facts: Facts


class Agreement(Enum):
    """How one fact compares."""

    SAME = "as promised"
    DIFFERS = "differs"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Row:
    """One fact."""

    what: str
    promised: str
    found: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise and what came of it; `jumped` False: this is still the boot that promised."""

    promise: Promise
    jumped: bool
    rows: tuple[Row, ...]

    @property
    def kept(self) -> bool:
        """Whether nothing differs. What is not known does not."""
        return all(row.agreement is not Agreement.DIFFERS for row in self.rows)

    @property
    def afresh(self) -> bool:
        """Whether the pen is gone: the jump did not take place, or ended in a reset."""
        return any(row.what == _NAMES["pen"] and row.found == _NO_PEN for row in self.rows)


_NO_PEN = "none"
_NAMES = {
    "release": "kernel",
    "cpus": "CPUs online",
    "level": "level",
    "pen": "pen",
    "tree": "device tree",
}


def compare(promised: Facts, found: Facts) -> tuple[Row, ...]:
    """Fact by fact; what was not promised is left out."""
    rows = []
    for one in fields(Facts):
        want, got = getattr(promised, one.name), getattr(found, one.name)
        if want is None:
            continue
        agreement = (
            Agreement.UNKNOWN if got is None
            else Agreement.SAME if want == got
            else Agreement.DIFFERS
        )  # fmt: skip
        rows.append(Row(_NAMES[one.name], _short(want), _short(got), agreement))
    return tuple(rows)


def _short(value: object) -> str:
    """A digest's first digits are enough for a person."""
    text = "-" if value is None else str(value)
    return text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else text


# --- the promise ---------------------------------------------------------------------------


def of_plan(plan: Plan, tree: bytes | None, root: Path = Path("/")) -> Promise:
    """What `plan` promises; `tree`: the one that the next kernel gets, if it is known."""
    if plan.kernel is None or plan.way is None:
        raise MachineError("the plan has no kernel or no way", remedy="make another")
    made = plan.promise
    return Promise(
        boot_id=_boot_id(root),
        at=int(time.time()),
        before=sysfs.text(root / "proc/sys/kernel/osrelease") or "",
        kernel=str(plan.kernel.path),
        way=plan.way.value,
        facts=Facts(made.release, made.cpus, made.level, made.pen, digest(tree or b"")),
    )


def write(promise: Promise, root: Path = Path("/")) -> None:
    """Keep the promise over the jump. Raises UserError or MachineError when that fails."""
    _put(root, _PROMISE, {"format": _FORMAT, **asdict(promise)})


def withdraw(root: Path = Path("/")) -> None:
    """There will be no jump."""
    (root / HOME / _PROMISE).unlink(missing_ok=True)


def _put(root: Path, name: str, content: dict[str, object]) -> None:
    home = root / HOME
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"{home}: cannot be made: {reason_of(error)}") from error
    publish(home / name, (json.dumps(content, indent=2) + "\n").encode())


def _boot_id(root: Path) -> str:
    return sysfs.text(root / "proc/sys/kernel/random/boot_id") or ""


def _parsed(path: Path) -> Promise:
    try:
        whole = json.loads(read_bounded(path, _MAX))
        known = {one.name: whole[one.name] for one in fields(Promise)}
        facts = {one.name: known["facts"][one.name] for one in fields(Facts)}
        kinds: dict[str, tuple[type, ...]] = {"at": (int,), "cpus": (int, NoneType)}
        for name, value in {**known, **facts}.items():
            if name != "facts" and not isinstance(value, kinds.get(name, (str, NoneType))):
                raise TypeError(name)
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: is no promise of roundpen's", remedy="remove it; the next jump writes another"
        ) from error
    return Promise(**{**known, "facts": Facts(**facts)})


# --- what came of it -----------------------------------------------------------------------


def found(root: Path = Path("/")) -> Facts:
    """What the running system says of itself."""
    online = sysfs.listed(root / "sys/devices/system/cpu/online")
    try:
        tree = digest(read_bounded(root / "sys/firmware/fdt", layout.TREE_MAX))
    except RoundpenError:
        tree = None
    return Facts(
        release=sysfs.text(root / "proc/sys/kernel/osrelease"),
        cpus=len(online) if online else None,
        level=_level(root),
        pen=_pen(root),
        tree=tree,
    )


def _level(root: Path) -> str | None:
    """From the kernel's log (arch/arm64/kernel/smp.c, hyp_mode_check()), or from the module."""
    with KernelLog(root, since_boot=True) as log:
        for line in log.lines():
            said = re.search(r"CPU\(s\) started at (EL\d)", line)
            if said:
                return said[1]
    level = sysfs.text(root / late.HOME / "level")
    return level[:3] if level else None


def _pen(root: Path) -> str | None:
    tree = root / "proc/device-tree"
    if not tree.is_dir():
        return None
    try:
        return f"{region_base(tree):#x} {layout.RESERVED_SIZE:#x}"
    except RoundpenError:
        return _NO_PEN
    except OSError:
        return None


def last(root: Path = Path("/")) -> Verdict:
    """The verdict on the last jump, made now where nobody has made it yet.

    Whoever may write keeps it, so that it stays true when the system changes. Raises
    RefusedError when no jump is on record.
    """
    promised, told = root / HOME / _PROMISE, root / HOME / _VERDICT
    if promised.exists():
        promise = _parsed(promised)
        if promise.boot_id == _boot_id(root):
            return Verdict(promise, jumped=False, rows=())
        verdict = Verdict(promise, jumped=True, rows=compare(promise.facts, found(root)))
        _keep(verdict, root)
        return verdict
    if told.exists():
        return Verdict(_parsed(told), jumped=True, rows=tuple(_rows(told)))
    raise RefusedError("no jump by roundpen is on record here", remedy="roundpen kexec makes one")


def _keep(verdict: Verdict, root: Path) -> None:
    """For a user who may not, the promise stays for root's turn."""
    rows = [{**asdict(row), "agreement": row.agreement.name.lower()} for row in verdict.rows]
    try:
        _put(root, _VERDICT, {"format": _FORMAT, **asdict(verdict.promise), "rows": rows})
        withdraw(root)
    except (RoundpenError, PermissionError):
        return


def _rows(path: Path) -> Iterator[Row]:
    try:
        for row in json.loads(read_bounded(path, _MAX))["rows"]:
            yield Row(
                str(row["what"]), str(row["promised"]), str(row["found"]),
                Agreement[row["agreement"].upper()],
            )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: is damaged", remedy="remove it") from error


# --- in words ------------------------------------------------------------------------------


def lines(verdict: Verdict) -> list[str]:
    """The verdict for people, its sum first."""
    promise = verdict.promise
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(promise.at))
    jump = f"{promise.before} -> {promise.kernel}, way {promise.way}, promised {when}"
    if not verdict.jumped:
        return [f"not jumped yet: {jump}"]
    summary = "as promised" if verdict.kept else "NOT as promised"
    if verdict.afresh:
        summary += ", started afresh by firmware"
    width = max((len(row.what) for row in verdict.rows), default=0)
    told = [
        f"  {row.what:<{width}}  {row.found}"
        + {
            Agreement.SAME: "",
            Agreement.DIFFERS: f"  promised {row.promised}",
            Agreement.UNKNOWN: f"  not known; promised {row.promised}",
        }[row.agreement]
        for row in verdict.rows
    ]
    return [f"{summary}: {jump}", *told]


def as_json(verdict: Verdict) -> dict[str, object]:
    """The verdict for machines."""
    return {
        "promise": asdict(verdict.promise),
        "jumped": verdict.jumped,
        "kept": verdict.kept if verdict.jumped else None,
        "rows": [{**asdict(row), "agreement": row.agreement.name.lower()} for row in verdict.rows],
    }
