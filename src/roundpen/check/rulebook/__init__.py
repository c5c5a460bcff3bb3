# SPDX-License-Identifier: BSD-2-Clause
"""The rules, by subject; each module enters its own into the list of `check.findings`."""
