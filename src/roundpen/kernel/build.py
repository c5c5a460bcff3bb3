# SPDX-License-Identifier: BSD-2-Clause
"""Configure and cross-build a Linux tree, with Linux's own scripts, in an object folder."""

from __future__ import annotations

import logging
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from roundpen.errors import MachineError, RefusedError
from roundpen.kernel import config, tool

CROSS_COMPILE = "aarch64-linux-gnu-"
IMAGE = "arch/arm64/boot/Image"
"""Where a build leaves it in the object folder."""

_TOOLS: dict[str, str] = {
    f"{CROSS_COMPILE}gcc": "gcc-aarch64-linux-gnu",
    "gcc": "gcc",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "perl": "perl",
    "patch": "patch",
    "tar": "tar",
    "xz": "xz-utils",
}
_LIMIT = 3600
_PROGRESS_EVERY = 10.0
_ERRORS = 4
ERROR = re.compile(r": (?:fatal )?error: |undefined reference|No rule to make target")
_log = logging.getLogger(__name__)


def require_tools() -> None:
    """Raise MachineError naming each missing build tool and the Debian package that has it."""
    _require("a kernel", _TOOLS)


def require_compiler() -> None:
    """The same for what the module alone needs."""
    _require("the module", {name: _TOOLS[name] for name in (f"{CROSS_COMPILE}gcc", "make")})


def _require(what: str, tools: Mapping[str, str]) -> None:
    missing = {name: package for name, package in tools.items() if shutil.which(name) is None}
    if missing:
        raise RefusedError(
            f"building {what} needs {', '.join(missing)}: not found",
            remedy=f"install {' '.join(sorted(set(missing.values())))} (names on Debian, Ubuntu)",
        )


def compiler() -> str:
    """The cross compiler's own words for its version: part of every key."""
    return checked([f"{CROSS_COMPILE}gcc", "--version"]).splitlines()[0]


def merge_arguments(source: Path, files: Sequence[Path]) -> list[str]:
    """Linux's own merge of fragments on top of allnoconfig, to be run in the object folder.

    It leaves its temporary files where it stands, so it must not stand in the source.
    """
    return [str(source / "scripts/kconfig/merge_config.sh"), "-n", *(str(file) for file in files)]


def make_arguments(source: Path, objects: Path, jobs: int, *targets: str) -> list[str]:
    """The build of `targets` in a configured object folder; by default of an Image.

    With it comes what modules are built against (Module.symvers).
    """
    targets = targets or ("Image", "modules")
    return ["make", "-C", str(source), f"O={objects}", f"-j{jobs}", *targets]


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the kernel's build reads from outside: fixed, so that equal inputs give equal bytes.

    MAKEFLAGS of a make around us would hand down its job server and options: left out.
    """
    kept = {name: inherited[name] for name in ("PATH", "HOME", "TMPDIR") if name in inherited}
    return kept | {
        "LC_ALL": "C",
        # Empty is not the same as missing: then a git checkout would put a "+" into the version.
        "LOCALVERSION": "",
        "ARCH": "arm64",
        "CROSS_COMPILE": CROSS_COMPILE,
        "KBUILD_BUILD_VERSION": "1",
        "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
        "KBUILD_BUILD_USER": "roundpen",
        "KBUILD_BUILD_HOST": "lab",
    }


def configure(
    source: Path, objects: Path, wanted: Mapping[str, str], required: Iterable[str] | None = None
) -> None:
    """Write `objects`/.config from the fragments `wanted` (name and text).

    `required`: the texts whose every option must take effect; by default all of them. Raises
    MachineError when the merge fails or one did not.
    """
    objects.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in wanted.items():
        files.append(objects / f"fragment-{name}")
        files[-1].write_text(text, encoding="utf-8")
    checked(make_arguments(source, objects, 1, "outputmakefile"))
    checked(merge_arguments(source, files), objects)
    final = (objects / ".config").read_text(encoding="utf-8")
    refused = config.not_granted(wanted.values() if required is None else required, final)
    if refused:
        raise MachineError(
            f"kernel configuration: not in effect: {'; '.join(refused)}",
            remedy="add what each option depends on to its fragment",
        )


def compile_image(name: str, source: Path, objects: Path, log: Path) -> None:
    """Make the Image, with progress under `name`; all that make says goes to `log`.

    Raises MachineError with its errors when it fails or takes more than an hour.
    """
    command = make_arguments(source, objects, os.cpu_count() or 1)
    began = reported = time.monotonic()
    compiled = 0
    last: list[str] = []
    errors: list[str] = []
    with (
        log.open("w", encoding="utf-8") as out,
        subprocess.Popen(
            command,
            env=environment(os.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                out.write(line)
                last = [*last[-14:], line.strip()]
                if ERROR.search(line) and len(errors) < _ERRORS:
                    errors.append(line.strip())
                compiled += line.startswith("  CC ")
                now = time.monotonic()
                if now - reported >= _PROGRESS_EVERY:
                    reported = now
                    _log.info("kernel %s: %d files compiled, %.0f s", name, compiled, now - began)
                if now - began > _LIMIT:
                    process.kill()
        except BaseException:
            # Interrupted: or leaving this block would wait for make to come to its end.
            process.terminate()
            raise
    if process.returncode != 0:
        # With more than one job, the error is not among the last lines.
        words = " | ".join(errors or last)
        raise MachineError(f"kernel {name}: {' '.join(command)} failed: {words}")
    _log.info("kernel %s: built in %.0f s", name, time.monotonic() - began)


def checked(command: Sequence[str], folder: Path | None = None) -> str:
    """What a tool of the build prints.

    Raises MachineError, with its last words, when it can't be run or its status isn't 0.
    """
    done = tool.run(command, folder, limit=_LIMIT, environment=environment(os.environ))
    if done.returncode != 0:
        words = " ".join(done.stdout.split())[-400:]
        raise MachineError(f"{' '.join(command)}: exit status {done.returncode}: {words}")
    return done.stdout
