# SPDX-License-Identifier: BSD-2-Clause
"""What the host tells the test kernel: a block inside its file, and the header for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag

CONFIG_OFFSET = 0x40
"""Behind the Image header."""
CPU_MAX = 128
CPU_STACK = 0x2000

_HEAD = struct.Struct("<6Q4IQ4I2IQQ")
_MPIDR_OFFSET = _HEAD.size
CONFIG_SIZE = _MPIDR_OFFSET + CPU_MAX * 8 + CPU_MAX


class Tests(IntFlag):
    """What the test kernel runs."""

    __test__ = False

    NONE = 0
    CALLS = 1
    ERRORS = 2
    DISABLED = 4
    REGISTERS = 8
    SUSPEND = 16
    STATE = 32
    FEATURES = 64
    CYCLES = 128
    RACE = 256
    OFF = 512
    RESET = 1024
    NO_SYSTEM_CALLS = 2048
    """The board has no means for SYSTEM_OFF and SYSTEM_RESET."""
    PAUSE = 4096
    """Wait 1.5 s first: CPUs that come too late come now."""
    FRONT = 8192
    """Save the 2 MiB in front of the kernel, where the pen of a wrapped kernel lies."""
    SPIN = 16384
    """No PSCI: start the secondaries through the firmware's own spin-table."""
    RETURN = 32768
    """No PSCI: release and return each secondary by the contract, `cycles` times."""


@dataclass(frozen=True)
class Config:
    """One run. Addresses are physical; sve_bytes and sme_bytes are vector lengths, 0: none."""

    nonce: int
    tests: Tests
    uart: int
    mpidrs: tuple[int, ...]
    gic: int = 0
    gicd: int = 0
    gic_cpu: int = 0
    rounds: int = 1000
    cycles: int = 1000
    chain: int = 0
    sve_bytes: int = 0
    sme_bytes: int = 0
    pmu_counters: int = 6
    part: int = 0
    first_line: int = 0
    """The number of the first line: another kernel has printed those before."""
    word: int = 0
    """The address of the boot CPU's release word, in whose row the others' lie."""
    word_stride: int = 8
    return_entry: int = 0
    """cpu-return-addr."""
    disabled: tuple[int, ...] = ()

    def pack(self) -> bytes:
        """The block as `struct config` in payload.h has it."""
        head = _HEAD.pack(
            0, self.nonce, int(self.tests), self.uart, self.gicd, self.gic_cpu,
            self.gic, len(self.mpidrs), self.rounds, self.cycles,
            self.chain, self.sve_bytes, self.sme_bytes, self.pmu_counters, self.part,
            self.first_line, self.word_stride, self.word, self.return_entry,
        )  # fmt: skip
        mpidrs = struct.pack(f"<{CPU_MAX}Q", *self.mpidrs, *[0] * (CPU_MAX - len(self.mpidrs)))
        return head + mpidrs + bytes(number in self.disabled for number in range(CPU_MAX))


def header() -> str:
    """The generated config.h."""
    values = {
        "CPU_MAX": CPU_MAX,
        "CPU_STACK": CPU_STACK,
        "CONFIG_SIZE": CONFIG_SIZE,
        "CONFIG_CPU_COUNT": 6 * 8 + 4,
        "CONFIG_MPIDR": _MPIDR_OFFSET,
        **{f"TEST_{test.name}": int(test) for test in Tests if test.name},
    }
    lines = ["/* SPDX-License-Identifier: BSD-2-Clause */", "/* Generated from config.py. */"]
    return "\n".join([*lines, *(f"#define {name} {value}" for name, value in values.items())])


def tag(nonce: int, number: int, line: str) -> int:
    """The signature of line `number`, as io.c makes it."""
    mask = (1 << 64) - 1
    hashed = 0xCBF29CE484222325 ^ nonce
    hashed = (hashed ^ number) * 0x100000001B3 & mask
    for byte in line.encode():
        hashed = (hashed ^ byte) * 0x100000001B3 & mask
    hashed ^= hashed >> 29
    hashed = hashed * 0xBF58476D1CE4E5B9 & mask
    return hashed ^ hashed >> 32
