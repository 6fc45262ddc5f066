"""``python -m tiercel``, and the command ``tiercel``: Ctrl-C ends with 130 at any moment, also while modules load."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """The entry of the process. Left alone, an interrupt would end Python by the signal itself."""
    try:
        from tiercel.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
