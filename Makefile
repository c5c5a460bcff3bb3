# SPDX-License-Identifier: BSD-2-Clause
#
# Every target works as the first command in a fresh checkout: scripts/setup installs what is
# missing, and does nothing when nothing is.

PYTEST := .venv/bin/pytest
SOURCES = $(wildcard src tests pen packaging scripts hatch_build.py)

.PHONY: help demo demo-wrap test test-quick test-long series lint bench fuzz deb clean

help:
	@echo 'make demo        an emulated Raspberry Pi 3B: kexec refused; a module; another kernel, every CPU'
	@echo 'make demo-wrap   the same by a kernel with the pen in front, without a module'
	@echo 'make test        all tests, machines and kernel builds included (25 minutes)'
	@echo 'make test-quick  tests that start no machine (under a minute)'
	@echo 'make test-long   what takes too long for every change: tests/long, the series in full (hours)'
	@echo 'make series      every patch and configuration of the Linux series (40 minutes)'
	@echo 'make lint        ruff and mypy'
	@echo 'make bench       figures: instructions, boot time added, ratios to other PSCIs'
	@echo 'make fuzz        the checker on hostile trees: Hypothesis, then atheris for FUZZ_SECONDS'
	@echo 'make deb         Debian packages, into dist/: the command, and the module for DKMS'
	@echo 'make clean       remove what was built here; the cache in ~/.cache/roundpen stays'

demo:
	@scripts/setup lab
	@.venv/bin/roundpen demo

demo-wrap:
	@scripts/setup lab
	@.venv/bin/roundpen demo --wrap

# Two machines at a time: most of them keep one core busy. Three where a machine often waits for its
# own time-outs; there the tests that take long are started first, hence one by one. The kernels
# come before and apart, because a build takes minutes and a test's patience is for machines.
test:
	@scripts/setup dev lab kernel proof
	$(PYTEST) -n 2 tests/unit tests/boards tests/install
	$(PYTEST) -n 2 --dist worksteal tests/pen
	.venv/bin/roundpen kernel build --flavour lab-plain
	.venv/bin/roundpen kernel build --flavour lab
	.venv/bin/roundpen kernel build --flavour lab-6.12
	.venv/bin/roundpen kernel build --flavour psci-checker
	.venv/bin/roundpen kernel build --flavour rcutorture
	$(PYTEST) -n 3 --maxschedchunk 1 tests/boot tests/series tests/module tests/proof

# What tests/series leaves out: an Image after each patch, four other configurations.
series:
	@scripts/setup lab kernel
	.venv/bin/roundpen kernel check 6.1
	.venv/bin/roundpen kernel check 6.12

# Not in CI. docs/status.md says when it last ran, and how it went.
test-long:
	@scripts/setup dev lab kernel proof fresh deb
	$(PYTEST) -n 1 --timeout 7200 tests/long
	$(PYTEST) -n 2 --dist worksteal tests/pen --qemu newest
	$(MAKE) series

test-quick:
	@scripts/setup dev lab
	$(PYTEST) tests/unit

lint:
	@scripts/setup dev
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/mypy

# BENCH: options of the verb, as in `make bench BENCH='--runs 1'`.
BENCH =
bench:
	@scripts/setup lab kernel proof
	@.venv/bin/roundpen bench $(BENCH)
	@.venv/bin/roundpen bench --checker $(BENCH)

# atheris has no wheel for some hosts, hence a group of its own.
FUZZ_SECONDS = 300
fuzz:
	@scripts/setup dev lab fuzz
	$(PYTEST) tests/unit/test_check_hostile.py --hypothesis-profile=fuzz --timeout=1800
	.venv/bin/python -m tests.fuzz.fuzz_check $(FUZZ_SECONDS) build/fuzz/corpus

# The wheel is built by what is in the environment, the packages by Debian's own tools.
deb:
	@scripts/setup dev deb
	@.venv/bin/python packaging/build.py
	@lintian --fail-on error,warning dist/roundpen_*.deb dist/roundpen-dkms_*.deb

clean:
	rm -rf .venv .setup.lock build dist src/roundpen/image/data src/roundpen/lab/data
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests pen -name __pycache__ -type d -prune -exec rm -rf {} +
