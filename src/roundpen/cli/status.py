# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen status`."""

from __future__ import annotations

import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    subparsers.add_parser("status").set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    raise NotImplementedError(args)
