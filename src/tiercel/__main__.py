"""``python -m tiercel``, and the command ``tiercel``: Ctrl-C ends with 130 at any moment, also while modules load."""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """The entry of the process. Left alone, an interrupt would end Python by the signal itself."""
    try:
        from tiercel.cli.main import main as command

        command()
    except KeyboardInterrupt:
        os._exit(130)  # nothing was begun, or all was said; see tiercel.cli.main.leave_interrupted


if __name__ == "__main__":
    main()
