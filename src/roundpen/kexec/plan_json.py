# SPDX-License-Identifier: BSD-2-Clause
"""A plan as JSON. docs/kexec.schema.json is its schema; a test holds the two together."""

from __future__ import annotations

import json

from roundpen.kexec.plan import KernelFile, Plan, Reason

FORMAT = "roundpen-kexec-1"


def document(plan: Plan) -> str:
    """The whole document as text."""
    return json.dumps(as_json(plan), indent=2)


def as_json(plan: Plan) -> dict[str, object]:
    """Plain values; addresses and sizes as numbers."""
    return {
        "format": FORMAT,
        "refused": [_reason(each) for each in plan.refused],
        "warnings": [_reason(each) for each in plan.warnings],
        "wanted": {
            "kernel": str(plan.wanted.kernel),
            "initrd": _text(plan.wanted.initrd),
            "command_line": plan.wanted.command_line,
            "dtb": _text(plan.wanted.dtb),
            "way": plan.wanted.way.value if plan.wanted.way else None,
        },
        "kernel": _kernel(plan.kernel) if plan.kernel else None,
        "way": plan.way.value if plan.way else None,
        "why": plan.route.reason if plan.route else None,
        "module": {"load": plan.load_module, "way": plan.module_way},
        "system_call": plan.system_call.value if plan.system_call else None,
        "segments": [
            {"name": each.name, "range": list(each.range), "content": each.content}
            for each in plan.segments
        ],
        "memory": [{"range": list(each.range), "what": each.what} for each in plan.memory],
        "needs": _needs(plan),
        "tree": _tree(plan),
        "lost": list(plan.lost),
        "promise": {
            "release": plan.promise.release,
            "cpus": plan.promise.cpus,
            "level": plan.promise.level,
            "pen": plan.promise.pen,
        },
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _reason(reason: Reason) -> dict[str, object]:
    return {
        "name": reason.name,
        "weight": reason.weight.value,
        "found": reason.found,
        "do": reason.do,
    }


def _kernel(kernel: KernelFile) -> dict[str, object]:
    return {
        "release": kernel.release,
        "packing": list(kernel.packing),
        "file_size": kernel.file_size,
        "size": kernel.size,
        "image_size": kernel.header.image_size,
        "text_offset": kernel.header.text_offset,
        "page_size": kernel.header.page_size,
        "sha256": kernel.sha256,
        "signed": kernel.signed,
    }


def _needs(plan: Plan) -> dict[str, object] | None:
    needs = plan.needs
    if needs is None:
        return None
    return {
        "caller": needs.caller,
        "kernel": needs.kernel,
        "available": needs.available,
        "total": needs.total,
    }


def _tree(plan: Plan) -> dict[str, object] | None:
    tree = plan.tree
    if tree is None:
        return None
    return {
        "source": tree.source,
        "size": None if tree.data is None else len(tree.data),
        "edits": list(tree.edits),
    }
