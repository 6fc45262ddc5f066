"""Makes the two vaults and the folder that every later version must open: run once per format, never again.

    PYTHONPATH=tests .venv/bin/python tests/compat/make_world.py tests/compat/world-1

What is in it: a bond of Ada and Bo; a letter with an enclosure there and answered; a letter of Bo's with its seal in
the folder, not read yet; a draft; a letter recalled; a bond of Ada's still pairing.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from people import bonded, exchange
from tiercel.runtime import bonds, reading, writing
from tiercel.runtime.views import Draft


def main(target: Path) -> None:
    """Make the world; refuse to make it anew."""
    if target.exists():
        raise SystemExit(f"{target} is there already, and old data is never made anew.")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        ada, bo = bonded(work, seed="compat")
        note = work / "winter.txt"
        note.write_text("The ice bore a cart until the ninth of March.\n")
        first = ada.write("Dear Bo,\n\nwinter is over.\n", subject="Winter", place="Brno", enclosures=(note,))
        exchange(ada, bo)
        reading.read(bo.home, first)
        bo.write("Dear Ada, so it is.", reply_to=first)
        recalled = ada.write("not this one")
        exchange(ada, bo)
        writing.recall(ada.home, recalled)
        exchange(ada, bo)
        writing.write(ada.home, Draft("bo", "a draft"), send=False)
        bonds.invite(ada.home, "cy", "post")
        bo.write("this one waits in the folder")
        bo.sync()
        for person in (ada, bo):
            person.home.close()
            shutil.copytree(person.folder, target / person.name)
        shutil.copytree(work / "post", target / "post")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
