# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen VERB ...`: finds the verb, runs it, turns errors into one line and a status.

Nothing that can be foreseen ends in a traceback: not a module that is not installed, not a disk
that is full. A signal that ends us leaves no temporary folder and no machine behind.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from roundpen import __version__
from roundpen.cli.ending import Ended, ended_by_signals
from roundpen.cli.exits import Exit, of_error
from roundpen.errors import MachineError, RoundpenError, reason_of


class Verb(Protocol):
    """What a verb's module offers. It imports what is slow or optional inside `run`."""

    def register(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the verb's parser and its options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the result is the exit status."""


VERBS = (
    "kexec", "check", "module", "demo", "wrap", "inspect", "status", "lab", "prove", "bench",
    "kernel",
)  # fmt: skip
"""The verbs, as --help lists them; each is a module of this package."""


def load(verb: str) -> Verb:
    """The module of one verb."""
    module: Verb = importlib.import_module(f"roundpen.cli.{verb}")
    return module


def parser(verbs: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    """The parser of the command line, as far as it is about `verbs`."""
    top = argparse.ArgumentParser(
        prog="roundpen",
        description="kexec and CPU hotplug for arm64 machines that start CPUs from a spin-table.",
    )
    top.add_argument("--version", action="version", version=f"roundpen {__version__}")
    subparsers = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in verbs:
        load(verb).register(subparsers)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and give its exit status."""
    words = sys.argv[1:] if argv is None else argv
    # All verbs' modules together take five times as long to import as a check takes.
    only = [verb for verb in VERBS if words and words[0] == verb]
    with ended_by_signals():
        return _run(only, words)


def _run(only: Sequence[str], words: Sequence[str]) -> int:
    try:
        args = parser(only or VERBS).parse_args(words)
        status_code: int = args.run(args)
        sys.stdout.flush()
        return status_code
    except RoundpenError as error:
        return _complain(error)
    except ModuleNotFoundError as error:
        from roundpen import extras

        return _complain(extras.missing(error.name or str(error), "".join(only[:1])))
    except BrokenPipeError:
        # The reader of our output left (`| head`).
        _give_up_output()
        return Exit.DONE
    except OSError as error:
        return _complain(_failure(error))
    except KeyboardInterrupt:
        from roundpen import scratch

        scratch.sweep()
        sys.stderr.write("roundpen: interrupted\n")
        return Exit.INTERRUPTED
    except Ended as ended:
        from roundpen import scratch

        scratch.sweep()
        sys.stderr.write(f"roundpen: ended by {ended.signal.name}\n")
        return Exit(128 + ended.signal)


def _failure(error: OSError) -> RoundpenError:
    """What no module turned into an error of its own: a full disk, as a rule."""
    name = "standard output" if error.filename is None else str(error.filename)
    return MachineError(f"{name}: {reason_of(error)}")


def _give_up_output() -> None:
    """Point standard output elsewhere, or the interpreter complains when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(error: RoundpenError) -> int:
    try:
        sys.stdout.flush()
    except OSError:
        _give_up_output()
    sys.stderr.write(f"roundpen: error: {error}\n")
    return of_error(error)


if __name__ == "__main__":
    sys.exit(main())
