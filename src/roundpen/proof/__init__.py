# SPDX-License-Identifier: BSD-2-Clause
"""What the contract and the pen are held against: models, the shipped bytes, recorded runs.

Models: `models/*.pml` are Promela; `catalogue` says which models and mutants there are and what
must come of each; `search` is the edge: it runs Spin, the compiler and the search.
"""
