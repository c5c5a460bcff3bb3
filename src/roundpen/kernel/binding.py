# SPDX-License-Identifier: BSD-2-Clause
"""The series' device-tree binding under dt-schema: as a document, its examples, and real trees.

dt-schema's exit status can't be trusted: dt-validate gives 0 with errors. Its output is read.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from roundpen import scratch
from roundpen.errors import MachineError, RefusedError
from roundpen.kernel import tool

FILE = "Documentation/devicetree/bindings/arm/cpus.yaml"
PROGRAMS = ("dt-doc-validate", "dt-extract-example", "dt-mk-schema", "dt-validate", "dtc")
_LIMIT = 600
_RELEASE = "cpu-release-addr = /bits/ 64 <0x40102000>;"
_RETURN = "cpu-return-addr = /bits/ 64 <0x40100040>;"
_SPIN = 'enable-method = "spin-table";'


@dataclass(frozen=True)
class Case:
    """A CPU node's properties, and whether the binding must object to them."""

    says: str
    properties: str
    objected: bool


CASES = (
    Case("spin-table with both addresses", f"{_SPIN} {_RELEASE} {_RETURN}", False),
    Case("spin-table with cpu-release-addr alone", f"{_SPIN} {_RELEASE}", False),
    Case("PSCI", 'enable-method = "psci";', False),
    Case("spin-table without cpu-release-addr", _SPIN, True),
    Case("cpu-return-addr without cpu-release-addr", f"{_SPIN} {_RETURN}", True),
    Case("cpu-return-addr with PSCI", f'enable-method = "psci"; {_RELEASE} {_RETURN}', True),
    Case("cpu-return-addr without enable-method", f"{_RELEASE} {_RETURN}", True),
)
"""Case N is the node cpu@N of `cases_source`."""


def missing() -> list[str]:
    """The programs that are not there."""
    return [name for name in PROGRAMS if _program(name) is None]


def document_remarks(tree: Path) -> set[str]:
    """What dt-doc-validate objects to in the binding of `tree`."""
    done = _run(tree, "dt-doc-validate", "-u", "Documentation/devicetree/bindings", FILE)
    return parse_document_remarks(done)


def parse_document_remarks(output: str) -> set[str]:
    """The objections in dt-doc-validate's output, without the place in the file. Pure.

    Indented lines explain the one above.
    """
    lines = (text for text in output.splitlines() if text.strip() and not text[0].isspace())
    return {text.partition(f"{FILE}:")[2].strip() or text for text in lines}


def example_remarks(tree: Path) -> list[str]:
    """What is wrong with the binding's own examples, by its own rules."""
    with scratch.folder("binding") as folder:
        source = _run(tree, "dt-extract-example", FILE)
        found = _validate(tree, folder, source)
        return [f"example: {node}: {said}" for node, said in found]


def cases_source() -> str:
    """The tree that CASES describe, as device-tree source."""
    head = '/dts-v1/; / { compatible = "x"; model = "x"; #address-cells = <2>; #size-cells = <2>;'
    cpus = "".join(
        f'cpu@{number} {{ device_type = "cpu"; compatible = "arm,cortex-a72"; reg = <{number}>; '
        f"{case.properties} }};\n"
        for number, case in enumerate(CASES)
    )
    return f"{head}\ncpus {{ #address-cells = <1>; #size-cells = <0>;\n{cpus}}};\n}};\n"


def case_verdicts(tree: Path) -> Iterator[tuple[Case, list[str]]]:
    """Each case, and the objections that the binding of `tree` has to it."""
    with scratch.folder("binding") as folder:
        found = _validate(tree, folder, cases_source())
    for number, case in enumerate(CASES):
        yield case, [said for node, said in found if node == f"/cpus/cpu@{number}"]


def objections(report: str) -> list[tuple[str, str]]:
    """Node and message of each error in the text of dt-validate's --json-output. Pure.

    Raises MachineError when it is something else.
    """
    try:
        return [(one["node"], one["message"]) for one in json.loads(report)]
    except (ValueError, TypeError, KeyError) as error:
        raise MachineError(f"dt-validate: its JSON is not understood: {error!r}") from error


def _validate(tree: Path, folder: Path, source: str) -> list[tuple[str, str]]:
    (folder / "tree.dts").write_text(source, encoding="utf-8")
    schema, blob, report = folder / "schema.json", folder / "tree.dtb", folder / "report.json"
    _run(tree, "dt-mk-schema", "-j", "-o", str(schema), FILE)
    # -q: dtc's own taste in unit addresses is not what is judged.
    _run(tree, "dtc", "-q", "-O", "dtb", "-o", str(blob), str(folder / "tree.dts"))
    said = _run(tree, "dt-validate", "--json-output", str(report), "-s", str(schema), str(blob))
    if not report.is_file():
        raise MachineError(f"dt-validate: wrote no report: {said.strip()[-300:]}")
    return objections(report.read_text(encoding="utf-8"))


def _run(tree: Path, name: str, *arguments: str) -> str:
    program = _program(name)
    if program is None:
        raise RefusedError(f"{name}: not found", remedy="install dtschema and dtc")
    done = tool.run([program, *arguments], tree, limit=_LIMIT, environment=_environment(os.environ))
    if name in ("dt-mk-schema", "dt-extract-example", "dtc") and done.returncode != 0:
        raise MachineError(f"{name}: exit status {done.returncode}: {done.stdout.strip()[-300:]}")
    return done.stdout


def _environment(inherited: Mapping[str, str]) -> dict[str, str]:
    return {name: inherited[name] for name in ("PATH", "HOME", "TMPDIR") if name in inherited}


def _program(name: str) -> str | None:
    """Beside our own interpreter first: an environment's programs need not be in the PATH."""
    own = shutil.which(name, path=str(Path(sys.executable).parent))
    return own or shutil.which(name)
