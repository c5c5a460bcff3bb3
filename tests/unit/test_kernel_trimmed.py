# SPDX-License-Identifier: BSD-2-Clause
"""The trimmed kernels' pure parts: fragments, what kconfig granted, the command lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from roundpen.errors import MachineError, UserError
from roundpen.kernel import config, trimmed


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


def test_every_flavour_is_the_base_and_a_fragment_of_its_own() -> None:
    for flavour in trimmed.FLAVOURS:
        names = list(trimmed.fragments(flavour))
        assert names == (
            ["lab.config"] if flavour == "lab" else ["lab.config", f"{flavour}.config"]
        )


def test_fragments_do_not_contradict_each_other() -> None:
    base = config.options(trimmed.fragments("lab")["lab.config"])
    for flavour in trimmed.FLAVOURS:
        own = config.options(trimmed.fragments(flavour)[f"{flavour}.config"])
        assert all(base.get(name, value) == value for name, value in own.items())


def test_arguments() -> None:
    assert trimmed.merge_arguments(Path("/s"), Path("/o"), [Path("/f")]) == [
        "/s/scripts/kconfig/merge_config.sh", "-n", "-O", "/o", "/f"
    ]  # fmt: skip
    assert trimmed.make_arguments(Path("/o"), 2) == ["make", "-C", "/o", "-j2", "Image"]


def test_environment_hands_down_no_make_flags_and_is_fixed() -> None:
    given = trimmed.environment({"PATH": "/bin", "MAKEFLAGS": "-j8", "LANG": "de_DE"})
    assert given["PATH"] == "/bin"
    assert given["LC_ALL"] == "C"
    assert "MAKEFLAGS" not in given
    assert "LANG" not in given


def test_unknown_flavour_is_the_callers_mistake() -> None:
    with pytest.raises(UserError, match=r"vanilla.*known: lab, psci-checker"):
        trimmed.build("vanilla")


def test_missing_tools_are_named_with_their_packages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=r"flex.*gcc-aarch64-linux-gnu"):
        trimmed.require_tools()
