# SPDX-License-Identifier: BSD-2-Clause
"""`roundpen inspect`."""

from __future__ import annotations

import argparse


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb's parser."""
    subparsers.add_parser("inspect").set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    raise NotImplementedError(args)
