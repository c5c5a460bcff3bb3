# SPDX-License-Identifier: BSD-2-Clause
"""The one module that starts QEMU. Bounded in time and output; ends only its own child."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from roundpen.errors import RefusedError, reason_of
from roundpen.lab.console import COMPLAINT, FATAL, Lines

TRANSCRIPT_MAX = 16 << 20
"""Bytes. More than a hundred times what a run prints."""
_FATAL_GRACE = 3.0
"""Seconds to go on reading after a fatal line: what follows says why."""
_POLL = 0.5
_PROMPT_WITHIN = 4096
"""Bytes of the console's last output in which a prompt is looked for."""
_PR_SET_PDEATHSIG = 1
"""linux/prctl.h."""


class Stopped(Enum):
    """Why the run ended."""

    DONE = "the observer had what it wanted"
    EXITED = "the machine switched off"
    FATAL = "the kernel died"
    TIMEOUT = "time was up"
    FLOOD = "the console printed too much"


@dataclass
class Transcript:
    """What the console said, and how it ended. Times: seconds since QEMU was started."""

    lines: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    announced: set[str] = field(default_factory=set)
    """Of the words that were announced, those that a line contained."""
    stopped: Stopped = Stopped.TIMEOUT
    fatal: str = ""
    status: int | None = None
    seconds: float = 0.0
    diagnostics: str = ""

    def text(self) -> str:
        """All lines, and what QEMU itself said."""
        return "\n".join([*self.lines, self.diagnostics]).rstrip() + "\n"


Observer = Callable[[str, float], bool]
"""Gets each line and the seconds since the start; True ends the run."""


class Answer(NamedTuple):
    """A prompt to wait for, and what is typed then."""

    prompt: bytes
    words: bytes


def run(
    command: Sequence[str],
    observe: Observer,
    *,
    timeout: float,
    folder: Path,
    announced: Sequence[str] = (),
    answers: Sequence[Answer] = (),
) -> Transcript:
    """Start `command` and read its standard output until something ends it.

    Lines that contain one of the words `announced` are neither fatal nor complaints.
    `answers`: what is typed, one after the other.
    Raises MachineError when it can't be started.
    """
    diagnostics = folder / "qemu.stderr"
    try:
        with diagnostics.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if answers else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                preexec_fn=_never_alone(),
            )
    except OSError as error:
        raise RefusedError(f"{command[0]}: cannot be started: {reason_of(error)}") from error
    try:
        transcript = _read(process, observe, timeout, announced, _Typist(process, answers))
    finally:
        _end(process)
    transcript.status = process.returncode if transcript.stopped is Stopped.EXITED else None
    transcript.diagnostics = diagnostics.read_text(errors="replace")
    return transcript


def _never_alone() -> Callable[[], object]:
    """What makes the kernel end the child with us, even where nothing of ours runs any more
    (SIGKILL, a test process that exits at once): QEMU survives a console that is gone, and then
    keeps a core busy for ever. The library is loaded here: between fork and exec is no time to.
    """
    return partial(ctypes.CDLL(None).prctl, _PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes]) -> None:
    for end in (process.stdin, process.stdout):
        if end:
            end.close()
    if process.poll() is None:
        process.kill()
    process.wait()


def _settle(process: subprocess.Popen[bytes]) -> None:
    """Give a QEMU that has closed its console the moment that it needs to exit by itself."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)


class _Typist:
    """Waits for one prompt after the other, and types. A prompt ends no line."""

    def __init__(self, process: subprocess.Popen[bytes], answers: Sequence[Answer]) -> None:
        self._keyboard = process.stdin
        self._answers = list(answers)
        self._seen = b""

    def reads(self, data: bytes) -> None:
        """What the console printed next."""
        if not self._answers or self._keyboard is None:
            return
        prompt, words = self._answers[0]
        self._seen = (self._seen + data)[-_PROMPT_WITHIN:]
        if prompt in self._seen:
            self._seen = b""
            del self._answers[0]
            # Less than a pipe holds: it can't block. Who is gone reads nothing.
            with contextlib.suppress(BrokenPipeError):
                self._keyboard.write(words)
                self._keyboard.flush()


def _read(
    process: subprocess.Popen[bytes],
    observe: Observer,
    timeout: float,
    announced: Sequence[str],
    typist: _Typist,
) -> Transcript:
    assert process.stdout is not None
    transcript, lines = Transcript(), Lines()
    began = time.monotonic()
    deadline, size = began + timeout, 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            transcript.seconds = now - began
            if now >= deadline:
                transcript.stopped = Stopped.FATAL if transcript.fatal else Stopped.TIMEOUT
                break
            if not selector.select(min(_POLL, deadline - now)):
                continue
            data = os.read(process.stdout.fileno(), 1 << 16)
            size += len(data)
            typist.reads(data)
            transcript.seconds = time.monotonic() - began
            whole = list(lines.feed(data)) if data else [lines.rest()]
            # Not a line more: how much of what follows is here already depends on the host.
            if any(_note(transcript, line, observe, announced) for line in whole):
                transcript.stopped = Stopped.DONE
                break
            if not data:
                transcript.stopped = Stopped.FATAL if transcript.fatal else Stopped.EXITED
                _settle(process)
                break
            if size > TRANSCRIPT_MAX:
                transcript.stopped = Stopped.FLOOD
                break
            if transcript.fatal:
                deadline = min(deadline, time.monotonic() + _FATAL_GRACE)
    return transcript


def _note(transcript: Transcript, line: str, observe: Observer, announced: Sequence[str]) -> bool:
    """Keep a line, judge it, show it to the observer."""
    transcript.lines.append(line)
    known = [words for words in announced if words in line]
    transcript.announced.update(known)
    if not transcript.fatal and not known and FATAL.search(line):
        transcript.fatal = line.strip()
    elif not known and COMPLAINT.search(line):
        transcript.complaints.append(line.strip())
    return observe(line, transcript.seconds)
