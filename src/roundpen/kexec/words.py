# SPDX-License-Identifier: BSD-2-Clause
"""The running kernel's command line, and what of it is true of that kernel alone."""

from __future__ import annotations

import re

LOADERS = ("BOOT_IMAGE=", "initrd=")
"""What loaders add to the command line about what they loaded: not true of another kernel."""
LIMITS = ("nr_cpus=1", "maxcpus=", "nosmp")
"""What kept the running kernel from its CPUs. The next one is to have them."""


def split(text: str) -> list[str]:
    """As the kernel takes them apart (lib/cmdline.c, next_arg()): blanks in quotes are kept."""
    return re.findall(r'(?:"[^"]*(?:"|$)|\S)+', text)


def for_another(text: str) -> str:
    """The command line `text` for another kernel than the one that runs with it."""
    return " ".join(
        word for word in split(text) if not word.startswith(LOADERS) and not _limits(word)
    )


def _limits(word: str) -> bool:
    return word in LIMITS or any(limit.endswith("=") and word.startswith(limit) for limit in LIMITS)
