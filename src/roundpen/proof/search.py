# SPDX-License-Identifier: BSD-2-Clause
"""Run Spin, the compiler and the search: the edge of this package.

A verifier is built once per model and number of CPUs and kept in the cache; which
switches are on, it reads from its environment, so that one build serves every mutant.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from roundpen import cache, scratch
from roundpen.errors import MachineError, RefusedError
from roundpen.kernel import tool
from roundpen.proof import catalogue, pan, trail
from roundpen.proof.catalogue import STARVES, WAITS, Model

MEMORY_MIB = 4000
DEEP_MEMORY_MIB = 12000
"""The most that one search may take, in the default and in the deep proof."""
DEPTH = 1_000_000
"""Steps of the longest path; the search says so when it is too small."""
_BUILD_SECONDS = 600
_PROGRESS_SECONDS = 5
_SETTINGS_VARIABLE = "ROUNDPEN_SWITCHES"
_log = logging.getLogger(__name__)
_running: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class Task:
    """One search: a model with `cpus` CPUs and some switches on.

    `shortest`: breadth first, which is slower but finds the shortest counterexample.
    `fair`: for cycles, not for bad states (catalogue.Setting). `deep`: states are stored in less
    memory, which takes longer. `seconds`: bound of wall time.
    """

    name: str
    model: Model
    cpus: int
    switches: frozenset[str]
    shortest: bool
    fair: bool
    deep: bool
    seconds: float

    @property
    def memory_mib(self) -> int:
        """Bound of memory."""
        return DEEP_MEMORY_MIB if self.deep else MEMORY_MIB


@dataclass(frozen=True)
class Run:
    """What a search found, and what it took: seconds of wall and CPU time, bytes at its peak.

    `timeline` is there when something was found.
    """

    task: Task
    search: pan.Search
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    timeline: trail.Timeline | None

    @property
    def violates(self) -> str:
        """The name of the property that is violated, "" when nothing was found."""
        if self.timeline is None:
            return ""
        names = {words: name for name, words in self.task.model.properties.items()}
        return names[self.timeline.violated]


def run(task: Task) -> Run:
    """Search, and replay the counterexample if there is one.

    Raises MachineError when Spin or a compiler is missing or fails.
    """
    verifier = _verifier(task)
    with scratch.folder("proof") as folder:
        text, status, wall, usage = _execute(task, verifier, folder)
        search = pan.parse(text, status)
        timeline = None
        recorded = folder / f"{task.model.file}.trail"
        if search.error:
            if not recorded.is_file():
                raise MachineError(
                    f"{task.name}: the verifier found {search.error!r} but wrote no trail"
                )
            timeline = _replay(task, verifier, folder, recorded)
    return Run(
        task=task,
        search=search,
        wall_seconds=wall,
        cpu_seconds=usage.cpu_seconds,
        peak_bytes=usage.peak_bytes,
        timeline=timeline,
    )


def stop() -> None:
    """End the verifiers that run, in whichever threads."""
    for process in list(_running):
        process.kill()


def prepare(task: Task) -> None:
    """Build its verifier, so that no later `run` has to. Raises MachineError as `run` does."""
    _verifier(task)


@dataclass(frozen=True)
class _Usage:
    cpu_seconds: float
    peak_bytes: int


def _verifier(task: Task) -> Path:
    """The compiled verifier, from the cache or built now."""
    model, cpus = task.model, task.cpus
    sources = _sources(model, cpus)
    flags = _flags(task)
    spin, compiler = _needed("spin"), _needed("gcc")
    versions = [tool.run([spin, "-V"], limit=60).stdout]
    versions.append(tool.run([compiler, "--version"], limit=60).stdout)
    parts = [part for name, text in sorted(sources.items()) for part in (name, text)]

    def make(folder: Path) -> None:
        _log.info("proof: building the verifier of %s, %d CPUs", model.name, cpus)
        for name, text in sources.items():
            (folder / name).write_text(text, encoding="utf-8")
        _step([spin, "-a", model.file], folder, "pan.c")
        _step([compiler, "-w", *flags, "-o", "pan", "pan.c"], folder, "pan")

    key = cache.digest(*parts, *flags, *versions)
    return cache.entry("verifiers", key, make) / "pan"


def _sources(model: Model, cpus: int) -> dict[str, str]:
    """File name and text of all that the model is made of."""
    texts = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in catalogue.folder().iterdir()
        if entry.name in (model.file, "memory.pml")
    }
    return {**texts, "switches.pml": _switches(model, cpus)}


def _switches(model: Model, cpus: int) -> str:
    """The text of `switches.pml`: number of CPUs, and one bit per switch, set from outside."""
    names = catalogue.load().switches(model)
    declared = "".join(f"bit {name};\n" for name in names)
    read = "".join(
        f'\tnow.{name} = strstr(getenv("{_SETTINGS_VARIABLE}"), " {name} ") != 0;\n'
        for name in names
    )
    return f"#define CPUS {cpus}\n{declared}inline set_switches() {{ c_code {{\n{read}}} }}\n"


def _flags(task: Task) -> tuple[str, ...]:
    """What the verifier is compiled with."""
    # What finds a counterexample is done in less time than the compiler needs to optimise.
    level = "-O0" if task.shortest else "-O2"
    compress = ("-DCOLLAPSE",) if task.deep else ()
    common = (level, f"-DMEMLIM={task.memory_mib}", "-DVECTORSZ=2048", *compress)
    if task.fair:
        return (*common, "-DNFAIR=3")
    return (*common, "-DSAFETY", "-DNOCLAIM", *(("-DBFS",) if task.shortest else ()))


def _step(command: list[str], folder: Path, product: str) -> None:
    done = tool.run(command, folder, limit=_BUILD_SECONDS)
    if done.returncode != 0 or not (folder / product).is_file():
        tail = " ".join(done.stdout.split()[-60:])
        raise MachineError(f"{Path(command[0]).name} made no {product}: {tail}")


def _needed(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise RefusedError(
            f"`roundpen prove` needs {name}, which is not on this machine's PATH",
            remedy=f"install the package {name} (Debian, Ubuntu: apt-get install {name})",
        )
    return found


def _environment(task: Task) -> dict[str, str]:
    return {**os.environ, _SETTINGS_VARIABLE: f" {' '.join(sorted(task.switches))} "}


def _execute(task: Task, verifier: Path, folder: Path) -> tuple[str, int, float, _Usage]:
    """Run the verifier under its bound of time; what it printed, status, seconds, usage."""
    fair = ("-a", "-f") if task.fair else ()
    command = [str(verifier), *fair, f"-m{DEPTH if not task.shortest else 1000}", "-w22"]
    began = time.monotonic()
    with _started(command, task, folder) as process:
        timer = threading.Timer(task.seconds, process.kill)
        timer.start()
        lines = list(_followed(process, task))
        timer.cancel()
        _, status, used = os.wait4(process.pid, 0)
        # wait4 has collected it; Popen must not wait for it again.
        process.returncode = os.waitstatus_to_exitcode(status)
    usage = _Usage(used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)
    return "".join(lines), process.returncode, time.monotonic() - began, usage


@contextmanager
def _started(command: list[str], task: Task, folder: Path) -> Iterator[subprocess.Popen[str]]:
    try:
        with subprocess.Popen(
            command,
            cwd=folder,
            env=_environment(task),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            _running.add(process)
            try:
                yield process
            finally:
                _running.discard(process)
    except OSError as error:
        raise MachineError(f"{task.name}: the verifier cannot be run: {error}") from error


def _followed(process: subprocess.Popen[str], task: Task) -> Iterator[str]:
    """The verifier's lines as they come; its progress goes to the log."""
    assert process.stdout is not None
    said = 0.0
    for line in process.stdout:
        at = pan.parse_progress(line)
        if at is not None and at.seconds - said >= _PROGRESS_SECONDS:
            said = at.seconds
            _log.info(
                "proof: %s: %.1f million states, %.0f/s, %.0f of %d MiB, %.0f of %.0f s",
                task.name,
                at.states / 1e6,
                at.states / max(at.seconds, 0.01),
                at.mebibytes,
                task.memory_mib,
                at.seconds,
                task.seconds,
            )
        yield line


def _replay(task: Task, verifier: Path, folder: Path, recorded: Path) -> trail.Timeline:
    """The counterexample, by having the verifier go through it once more and print."""
    command = [str(verifier), "-r", recorded.name]
    done = tool.run(command, folder, limit=_BUILD_SECONDS, environment=_environment(task))
    lanes = task.model.lane_names(task.cpus)
    otherwise = task.model.properties[STARVES if task.fair else WAITS]
    return trail.parse(done.stdout, task.model.name, lanes, otherwise)
