# SPDX-License-Identifier: BSD-2-Clause
"""Whether a series compiles: patch by patch, and as a whole in other configurations. -Werror."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from roundpen.kernel import build, fragment, tool

_LIMIT = 3600
_WORDS = 500
_COMPLAINT = re.compile(r"\b(?:warning|error|undefined reference)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Variant:
    """A configuration other than the lab's: its name, and what it changes.

    `apart`: no object has anything in common with the lab's, so it has a folder of its own.
    """

    name: str
    text: str
    apart: bool = False


VARIANTS = (
    Variant("KVM=n", "# CONFIG_KVM is not set\n"),
    Variant("KEXEC=n", "# CONFIG_KEXEC is not set\n"),
    # SUSPEND selects it, and KEXEC needs SUSPEND.
    Variant(
        "HOTPLUG_CPU=n",
        "# CONFIG_SUSPEND is not set\n# CONFIG_KEXEC is not set\n# CONFIG_HOTPLUG_CPU is not set\n",
    ),
    Variant(
        "CPU_BIG_ENDIAN=y",
        "# CONFIG_CPU_LITTLE_ENDIAN is not set\nCONFIG_CPU_BIG_ENDIAN=y\n",
        apart=True,
    ),
)


def targets(paths: Iterable[str]) -> list[str]:
    """make's targets for the objects that are made of the files `paths`. Pure."""
    named = [PurePosixPath(path) for path in paths]
    return sorted(str(path.with_suffix(".o")) for path in named if path.suffix in (".c", ".S"))


def is_compiled(path: str) -> bool:
    """Whether the file `path` of a tree can change what the compiler says. Pure."""
    return not path.startswith("Documentation/") and path != "MAINTAINERS"


def configure(source: Path, objects: Path, variant: Variant | None = None) -> None:
    """The lab's configuration, or `variant` of it, in `objects`.

    Raises MachineError when an option did not take effect. What a variant's own options take
    away with them is not asked for.
    """
    wanted = fragment.of()
    if variant is None:
        build.configure(source, objects, wanted)
        return
    build.configure(source, objects, {**wanted, "variant.config": variant.text}, [variant.text])


def complaint(source: Path, objects: Path, wanted: Iterable[str]) -> str:
    """What make says against the targets `wanted`; "" when they are made without a warning."""
    jobs = os.cpu_count() or 1
    command = [*build.make_arguments(source, objects, jobs, *wanted), "KCFLAGS=-Werror"]
    done = tool.run(command, limit=_LIMIT, environment=build.environment(os.environ))
    return parse(done.stdout, done.returncode)


def parse(output: str, status: int) -> str:
    """The first complaints in make's output; "" when there is none and the status is 0. Pure."""
    lines = [text.strip() for text in output.splitlines() if _COMPLAINT.search(text)]
    # make's own lines about a compiler that failed say nothing that the compiler didn't.
    said = [text for text in lines if not text.startswith("make")] or lines
    if said:
        return " | ".join(said[:4])[:_WORDS]
    return output.strip()[-_WORDS:] or f"exit status {status}" if status else ""
