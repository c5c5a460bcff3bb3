# SPDX-License-Identifier: BSD-2-Clause
"""The contract as a C and assembly header: `python -m roundpen.contract.header > contract.h`."""

from __future__ import annotations

import sys
from enum import IntEnum

from roundpen.contract import layout

_SCALARS = (
    "CONTRACT_VERSION",
    "DESCRIPTOR_OFFSET",
    "DESCRIPTOR_VERSION",
    "DESCRIPTOR_SIZE",
    "PAYLOAD_ALIGN",
    "WRAPPED_TEXT_OFFSET",
    "TREE_MAX",
    "RESERVED_SIZE",
    "RESERVED_ALIGN",
    "RESIDENT_OFFSET",
    "RESIDENT_MAX",
    "RESIDENT_RETURN",
    "LOGBOOK_OFFSET",
    "LOGBOOK_SIZE",
    "LOGBOOK_VERSION",
    "INDEX_OFFSET",
    "INDEX_ENTRIES",
    "SLOT_OFFSET",
    "SLOT_SIZE",
    "SLOT_MAX",
    "STACK_OFFSET",
    "STACK_SIZE",
)
_STRINGS = ("COMPATIBLE", "CHOSEN_REFUSED", "CHOSEN_OFFER", "NODE_NAME")
_C_TYPES = {1: "uint8_t", 4: "uint32_t", 8: "uint64_t"}


def _enum(prefix: str, members: type[IntEnum]) -> list[str]:
    return [f"#define {prefix}_{member.name} {member.value}" for member in members]


def _offsets(prefix: str, fields: tuple[layout.Field, ...]) -> list[str]:
    return [f"#define {prefix}_{field.name.upper()} {field.offset:#x}" for field in fields]


def _struct(name: str, fields: tuple[layout.Field, ...], size: int) -> list[str]:
    """A C struct whose every offset the compiler checks."""
    lines = [f"struct {name} {{"]
    position = 0
    for field in fields:
        if field.offset > position:
            lines.append(f"\tuint8_t unused_{position:x}[{field.offset - position}];")
        array = f"[{field.count}]" if field.count > 1 else ""
        c_type = _C_TYPES.get(field.size, "struct poke")
        lines.append(f"\t{c_type} {field.name}{array};")
        position = field.offset + field.size * field.count
    if size > position:
        lines.append(f"\tuint8_t unused_{position:x}[{size - position}];")
    lines.append("};")
    lines.append(f'_Static_assert(sizeof(struct {name}) == {size:#x}, "{name}: size");')
    lines += [
        f"_Static_assert(__builtin_offsetof(struct {name}, {field.name}) == {field.offset:#x},"
        f' "{name}.{field.name}: offset");'
        for field in fields
    ]
    return lines


def render() -> str:
    """The whole header as text; the same input always gives the same bytes."""
    lines = [
        "/* SPDX-License-Identifier: BSD-2-Clause */",
        "/* Generated from src/roundpen/contract/layout.py. Do not edit. */",
        "#ifndef ROUNDPEN_CONTRACT_H",
        "#define ROUNDPEN_CONTRACT_H",
        "",
    ]
    lines += [f"#define {name} {getattr(layout, name):#x}" for name in _SCALARS]
    lines += [f'#define {name} "{getattr(layout, name)}"' for name in _STRINGS]
    for magic in ("DESCRIPTOR_MAGIC", "LOGBOOK_MAGIC"):
        lines.append(f"#define {magic} {int.from_bytes(getattr(layout, magic), 'little'):#x}")
    lines += _enum("OFFER", layout.Offer)
    lines += _enum("STATE", layout.CpuState)
    lines += _enum("REFUSAL", layout.Refusal)
    lines += _offsets("LOG", layout.LOGBOOK)
    lines += _offsets("SLOT", layout.SLOT)
    lines += _offsets("DESCRIPTOR", layout.DESCRIPTOR[2:])
    lines += ["", "#ifndef __ASSEMBLER__", "#ifdef __KERNEL__", "#include <linux/types.h>"]
    lines += ["#else", "#include <stdint.h>", "#endif", ""]
    lines += ["struct poke {", "\tuint64_t address;", "\tuint32_t keep;", "\tuint32_t set;", "};"]
    lines += _struct("descriptor", layout.DESCRIPTOR, layout.DESCRIPTOR_SIZE)
    lines += _struct("logbook", layout.LOGBOOK, layout.LOGBOOK_SIZE)
    lines += _struct("slot", layout.SLOT, layout.SLOT_SIZE)
    lines += ["", "#define REFUSAL_TEXTS { \\"]
    lines += [
        f'\t[{reason.value}] = "{layout.REFUSAL_TEXT[reason]}", \\' for reason in layout.Refusal
    ]
    lines += ["}", "", "#endif /* __ASSEMBLER__ */", "#endif"]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the header to standard output."""
    sys.stdout.write(render())


if __name__ == "__main__":
    main()
