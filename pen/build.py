# SPDX-License-Identifier: BSD-2-Clause
"""Build pen.bin: `python pen/build.py [--out FILE]`; `--module DIR`: what module/ is built from.

Used by the wheel's build hook and by the Makefile. Needs Python's standard library, make, an
aarch64 compiler, and once the network, for the sources of libfdt; $ROUNDPEN_LIBFDT names a
folder that has them already. The result is kept in the cache under what it was made from.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PEN = Path(__file__).resolve().parent

# The package isn't installed yet when its own build runs this. PYTHONPATH would not do: pip
# takes the folder out of its build environment when an editable install names it already.
sys.path.insert(0, str(PEN.parent / "src"))

from roundpen import cache  # noqa: E402
from roundpen.contract import header  # noqa: E402
from roundpen.errors import MachineError, RoundpenError, UserError, reason_of  # noqa: E402
from roundpen.publish import publish  # noqa: E402

PACKAGED = PEN.parent / "src" / "roundpen" / "image" / "data" / "pen.bin"

_LIBFDT_REQUIREMENT = (
    "pylibfdt==1.7.2.post2 "
    "--hash=sha256:b23d03d10ab62ad1f4e7eedde0eb8a7a8872cc08d2a5c2bba7b48bb6fd3c69f4\n"
)
_SOURCES = (".c", ".h", ".S", ".lds", ".ld", ".mk")
_LOG_LINES = 20


def cross_prefix() -> str:
    """The compiler's prefix: $CROSS_COMPILE, Debian's cross compiler, or none on arm64 itself.

    Raises MachineError when there is no such compiler.
    """
    asked = os.environ.get("CROSS_COMPILE")
    native = [""] if platform.machine() == "aarch64" else []
    candidates = [asked] if asked is not None else ["aarch64-linux-gnu-", *native]
    for prefix in candidates:
        if shutil.which(f"{prefix}gcc"):
            return prefix
    raise MachineError(
        f"pen: the compiler {candidates[0]}gcc is missing",
        remedy="install the package gcc-aarch64-linux-gnu (Debian, Ubuntu) and build again"
        if asked is None
        else "install it, or unset CROSS_COMPILE",
    )


def libfdt() -> Path:
    """The folder with libfdt's sources: $ROUNDPEN_LIBFDT, else fetched once into the cache.

    Raises UserError when $ROUNDPEN_LIBFDT has none; MachineError when fetching fails.
    """
    own = os.environ.get("ROUNDPEN_LIBFDT")
    if own:
        if not (Path(own) / "libfdt.h").is_file():
            raise UserError(
                f"ROUNDPEN_LIBFDT={own}: has no libfdt.h",
                remedy="name the folder libfdt/ of the device tree compiler's sources",
            )
        return Path(own).resolve()
    return cache.entry("libfdt", cache.digest(_LIBFDT_REQUIREMENT), _fetch_libfdt)


def compile_pen(
    out: Path, *, sources: Path = PEN, defines: str = "", goal: str = "pen.bin"
) -> Path:
    """Compile `sources` into the folder `out`; gives `out`/`goal`. Always compiles.

    `defines` are more options for the compiler (`-DNAME ...`), for tests that break the pen on
    purpose; `goal` is pen.bin, pen.elf or resident.elf. Raises MachineError, with the end of
    the compiler's output, when that fails.
    """
    if shutil.which("make") is None:
        raise MachineError("pen: make is missing", remedy="install the package make")
    out.mkdir(parents=True, exist_ok=True)
    contract = out / "contract.h"
    contract.write_text(header.render(), encoding="ascii")
    _run(
        "make",
        "--silent",
        f"-j{os.cpu_count() or 1}",
        "-C",
        str(sources),
        f"OUT={out.resolve()}",
        f"LIBFDT={libfdt()}",
        f"CROSS_COMPILE={cross_prefix()}",
        f"CONTRACT={contract.resolve()}",
        f"PEN_DEFINES={defines}",
        # The Makefile's own first goal makes pen.bin.
        *([] if goal == "pen.bin" else [str(out.resolve() / goal)]),
    )
    return out / goal


def build() -> Path:
    """The folder with pen.bin, pen.elf and resident.elf, from the cache when nothing changed."""
    return cache.entry("pen", _key(), _make)


def fill_module(out: Path) -> None:
    """Put what the Linux module is built from into the folder `out`: module/made.

    The resident part, the contract's header and libfdt's sources with their licence, so that
    the module builds with make and a compiler alone. Raises MachineError when it can't.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = build()
    for source in (made / "resident.bin", made / "contract.h", *sorted(libfdt().glob("*.[ch]"))):
        _renew(out / source.name, source.read_bytes())
    _renew(out / "LICENSE.libfdt", (PEN.parent / "LICENSE.libfdt").read_bytes())


def _renew(path: Path, content: bytes) -> None:
    # make goes by dates: what has not changed is left alone.
    if not path.is_file() or path.read_bytes() != content:
        publish(path, content)


def _make(folder: Path) -> None:
    compile_pen(folder)


def _key() -> str:
    """What the pen is made from: sources, contract, libfdt, compiler."""
    paths = sorted(
        path
        for path in PEN.rglob("*")
        if path.is_file() and (path.suffix in _SOURCES or path.name == "Makefile")
    )
    parts: list[str | bytes] = [header.render(), _LIBFDT_REQUIREMENT]
    parts += [os.environ.get("ROUNDPEN_LIBFDT", ""), _run(f"{cross_prefix()}gcc", "--version")]
    for path in paths:
        parts += [str(path.relative_to(PEN)), path.read_bytes()]
    return cache.digest(*parts)


def _fetch_libfdt(folder: Path) -> None:
    """libfdt's sources out of pylibfdt's source package, whose hash pip checks."""
    with tempfile.TemporaryDirectory(prefix="roundpen-") as scratch:
        wanted = Path(scratch) / "requirements.txt"
        wanted.write_text(_LIBFDT_REQUIREMENT, encoding="ascii")
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet")
        options = ("--no-deps", "--no-binary", "pylibfdt", "--require-hashes")
        _run(*pip, *options, "-r", str(wanted), "-d", scratch)
        (archive,) = Path(scratch).glob("*.tar.gz")
        # Not extract(): its safe filter is newer than Debian 12's Python.
        with tarfile.open(archive) as members:
            for member in members:
                path = Path(member.name)
                wanted_here = path.parent.name == "libfdt" and path.suffix in (".c", ".h")
                source = members.extractfile(member) if wanted_here else None
                if source is not None:
                    (folder / path.name).write_bytes(source.read())


def _run(*argv: str) -> str:
    """Run a tool; its output. Raises MachineError with the output's end when it fails."""
    try:
        done = subprocess.run(
            argv, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise MachineError(f"{argv[0]}: cannot be run: {reason_of(error)}") from error
    if done.returncode != 0:
        sys.stderr.write("".join(f"{line}\n" for line in done.stdout.splitlines()[-_LOG_LINES:]))
        raise MachineError(
            f"{' '.join(argv[:4])} ...: failed with status {done.returncode}",
            remedy="its last lines stand above",
        )
    return done.stdout


def main() -> int:
    """Build pen.bin to where --out says, or the module's folder; 3 and one line when that fails."""
    parser = argparse.ArgumentParser(description="Build the pen.")
    parser.add_argument("--out", type=Path, default=PACKAGED, help="default: the package's data")
    parser.add_argument("--module", type=Path, metavar="DIR", help="fill module/made instead")
    arguments = parser.parse_args()
    try:
        if arguments.module:
            fill_module(arguments.module)
            return 0
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        _renew(arguments.out, (build() / "pen.bin").read_bytes())
    except RoundpenError as error:
        sys.stderr.write(f"roundpen: error: {error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
