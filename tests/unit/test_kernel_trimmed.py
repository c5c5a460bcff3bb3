# SPDX-License-Identifier: BSD-2-Clause
"""The trimmed kernels' pure parts: fragments, what kconfig granted, the command lines."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from roundpen.errors import MachineError, UserError
from roundpen.kernel import build, config, fragment, series, source, trimmed


def test_options_reads_both_forms_and_skips_comments() -> None:
    text = '# a comment\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=17\n\nCONFIG_D="a=b"\n'
    assert config.options(text) == {
        "CONFIG_A": "y",
        "CONFIG_B": "n",
        "CONFIG_C": "17",
        "CONFIG_D": '"a=b"',
    }


@pytest.mark.parametrize(
    ("final", "refused"),
    [
        ("CONFIG_A=y\nCONFIG_N=64\n", []),
        ("CONFIG_A=m\nCONFIG_N=64\n", ["CONFIG_A: asked for y, is m"]),
        ("CONFIG_N=64\n", ["CONFIG_A: asked for y, is n"]),
        ("CONFIG_A=y\nCONFIG_N=4\nCONFIG_B=y\n",
         ["CONFIG_N: asked for 64, is 4", "CONFIG_B: asked for n, is y"]),
    ],
)  # fmt: skip
def test_not_granted(final: str, refused: list[str]) -> None:
    fragments = ["CONFIG_A=y\nCONFIG_N=8\n", "CONFIG_N=64\n# CONFIG_B is not set\n"]
    assert config.not_granted(fragments, final) == refused


def test_every_flavour_is_all_machines_and_a_fragment_of_its_own() -> None:
    shared = ["lab.config", "virt.config", "raspi3b.config"]
    for name, flavour in trimmed.FLAVOURS.items():
        own = [] if name in ("lab", "lab-plain", "lab-6.12") else [f"{name}.config"]
        assert list(flavour.fragments()) == shared + own


def test_every_flavour_has_a_source_and_a_series() -> None:
    lines = {flavour.line for flavour in trimmed.FLAVOURS.values()}
    assert lines == set(source.ORIGINS) == set(series.lines())


def test_fragments_do_not_contradict_each_other() -> None:
    for flavour in trimmed.FLAVOURS.values():
        settled: dict[str, str] = {}
        texts = flavour.fragments().values()
        for text in texts:
            own = config.options(text)
            other = [name for name, value in own.items() if settled.get(name, value) != value]
            assert not other or (flavour.overrules and text == list(texts)[-1])
            settled |= own


def test_fragments_of_one_machine() -> None:
    assert list(fragment.of(["raspi3b", "raspi3b"])) == ["lab.config", "raspi3b.config"]
    assert "CONFIG_ARCH_BCM2835" not in "".join(fragment.of(["virt"]).values())


def test_fragments_of_an_unknown_machine() -> None:
    with pytest.raises(UserError, match=r"'pdp11'; known: virt, raspi3b"):
        fragment.of(["pdp11"])


def test_all_but_keeps_one_path(tmp_path: Path) -> None:
    files = ["a/x", "a/ke/y", "a/keep", "a/keep/this/f", "a/keep/thing", "a/keep/t", "b"]
    for name in files:
        path = tmp_path / "top" / (name if name != "a/keep" else "a/kept")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    options = [f"--exclude=top/{pattern}" for pattern in source.all_but("a", "keep/this")]
    packed = subprocess.run(
        ["tar", "-C", str(tmp_path), *options, "-cf", "-", "top"], capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        names = {name for name in archive.getnames() if archive.getmember(name).isfile()}
    # A name that only begins or ends like it may stay: leaving out is for speed.
    assert {"top/a/keep/this/f", "top/b"} <= names
    assert not names & {"top/a/x", "top/a/keep/thing", "top/a/kept"}


def test_arguments() -> None:
    assert build.merge_arguments(Path("/s"), [Path("/f")]) == [
        "/s/scripts/kconfig/merge_config.sh", "-n", "/f"
    ]  # fmt: skip
    assert build.make_arguments(Path("/s"), Path("/o"), 2) == [
        "make", "-C", "/s", "O=/o", "-j2", "Image", "modules"
    ]  # fmt: skip


def test_environment_hands_down_no_make_flags_and_is_fixed() -> None:
    given = build.environment({"PATH": "/bin", "MAKEFLAGS": "-j8", "LANG": "de_DE"})
    assert given["PATH"] == "/bin"
    assert given["LC_ALL"] == "C"
    assert "MAKEFLAGS" not in given
    assert "LANG" not in given


def test_unknown_flavour_is_the_callers_mistake() -> None:
    with pytest.raises(UserError, match=r"vanilla.*known: lab, lab-plain, lab-6.12, psci-checker"):
        trimmed.build("vanilla")


def test_missing_tools_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"flex.*gcc-aarch64-linux-gnu"):
        build.require_tools()
