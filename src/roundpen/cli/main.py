# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen VERB ...`: finds the verb, runs it, turns errors into one line and a status.

Exit status: 0 all is well; 1 the verb's own "no" (a verdict); 2 the caller's mistake;
3 the machine's failure; 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from roundpen import __version__
from roundpen.errors import MachineError, RoundpenError, UserError

EXIT_USER = 2
EXIT_MACHINE = 3
EXIT_INTERRUPTED = 130


class Verb(Protocol):
    """What a verb's module offers. It imports what is slow or optional inside `run`."""

    def register(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        """Add the verb's parser and its options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the result is the exit status."""


VERBS = ("check", "demo", "wrap", "inspect", "status", "lab", "prove", "bench", "kernel")
"""The verbs; each is a module of this package."""


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
    args = parser(only or VERBS).parse_args(words)
    try:
        status_code: int = args.run(args)
        sys.stdout.flush()
        return status_code
    except UserError as error:
        return _complain(error, EXIT_USER)
    except MachineError as error:
        return _complain(error, EXIT_MACHINE)
    except BrokenPipeError:
        # The reader of our output left (`| head`). Point stdout elsewhere, or the interpreter
        # complains once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        sys.stderr.write("roundpen: interrupted\n")
        return EXIT_INTERRUPTED


def _complain(error: RoundpenError, code: int) -> int:
    sys.stderr.write(f"roundpen: error: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
