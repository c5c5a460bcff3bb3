# SPDX-License-Identifier: BSD-2-Clause
"""`python -m roundpen` is `roundpen`."""

import sys

from roundpen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
