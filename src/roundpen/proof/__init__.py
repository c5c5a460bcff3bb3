# SPDX-License-Identifier: BSD-2-Clause
"""The contract as models that a checker searches exhaustively, and what each clause is for.

`models/*.pml` are Promela; `catalogue` says which models and mutants there are and what must come
of each; `search` is the edge: it runs Spin, the compiler and the search.
"""
