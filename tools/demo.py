"""The main job, shown with the real command: two vaults, a bond, a letter with two enclosures, and its receipt.

Everything happens in a temporary folder that is removed at the end (`--keep` leaves it). Each step is the command
that a person would type; nothing is simulated.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

TIERCEL = Path(sys.executable).with_name("tiercel")
COLUMNS = 80
FILM_BYTES = 64 * 1024 * 1024
LETTER = """Dear Bo,

the lilac under the window is out, three weeks early. I wrote down what
grandmother said about the winter of 1929 and put it in, with the film from
the garden.

Write when the snow lets the post through. I am well.

*Ada*
"""
FOR_REAL = """
That was the whole way. To do the same for real, between two machines and any
folder that both can reach (a share, a synchronised folder, a stick that someone
carries), with {tiercel} for tiercel:

  tiercel init --name "Your name"
  tiercel carrier add folder post /path/to/the/folder
  tiercel bond invite Bo --via post     # give the last line to Bo, nobody else
  tiercel sync                          # both, until the six words are there
  tiercel bond words Bo                 # compare them by voice or face to face
  tiercel bond confirm Bo
  tiercel write Bo --enclose photo.jpg  # opens your editor
  tiercel sync
  tiercel list

Where you say `bond invite`, the other side says
`tiercel bond accept INVITATION --name You --via post`.
`tiercel --help` shows the rest.
"""


class Show:
    """Runs commands for two people and prints what a terminal would show."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        state = folder / "state"
        self.env = os.environ | {"TIERCEL_PASSPHRASE": "only for this show", "XDG_STATE_HOME": str(state)}

    def say(self, text: str) -> None:
        """A line between the steps."""
        print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n# {text}", flush=True)

    def run(self, who: str, *words: str, quiet: bool = False, stdin: str | None = None) -> str:
        """Run a command of one person and show both; if ``quiet``, show neither and give the output back."""
        command = ["--vault", str(self.folder / who), *words]
        if not quiet:
            print(typed(f"{who}$ tiercel {shlex.join(words)}"), flush=True)
        done = subprocess.run(
            [str(TIERCEL), *command],
            env=self.env,
            cwd=self.folder,
            input=stdin,
            text=True,
            check=True,
            stdout=subprocess.PIPE if quiet else None,
        )
        return done.stdout or ""


def typed(line: str) -> str:
    """A command as a person would type it into a terminal of 80 columns."""
    together = re.sub(r" (--[a-z]+) ", " \\1\0", line)  # an option and its value stay on one line
    parts = textwrap.wrap(together, COLUMNS - 2, break_long_words=False, break_on_hyphens=False)
    return " \\\n    ".join(parts).replace("\0", " ")


def make_enclosures(folder: Path) -> None:
    """A note, and a film of 64 MiB of noise: the worst case for anything that would like to compress."""
    (folder / "winter-1929.txt").write_text("The ice bore a cart from shore to shore until the ninth of March.\n")
    with (folder / "garden.film").open("wb") as film:
        for _ in range(FILM_BYTES >> 20):
            film.write(os.urandom(1 << 20))


def show(folder: Path) -> None:
    """The main job."""
    stage = Show(folder)
    (folder / "post").mkdir()
    make_enclosures(folder)
    stage.say("Two people, two vaults, one shared folder")
    for who, name in (("ada", "Ada"), ("bo", "Bo")):
        stage.run(who, "init", "--name", name)
        stage.run(who, "carrier", "add", "folder", "post", "post")
    bond(stage)
    letter = write(stage)
    read_and_receipt(stage, letter)


def bond(stage: Show) -> None:
    """Invitation, pairing messages at the speed of the folder, six words, two confirmations."""
    stage.say("A bond: Ada invites, Bo accepts, the folder carries the rest")
    stage.run("ada", "bond", "invite", "Bo", "--via", "post", "--out", "invitation.txt")
    stage.run("bo", "bond", "accept", "invitation.txt", "--name", "Ada", "--via", "post")
    for who in ("bo", "ada", "bo", "ada"):
        stage.run(who, "sync")
    stage.say("The same six words on both sides: they compare them by voice, then both confirm")
    stage.run("ada", "bond", "words", "Bo")
    stage.run("bo", "bond", "words", "Ada")
    stage.run("ada", "bond", "confirm", "Bo")
    stage.run("bo", "bond", "confirm", "Ada")
    stage.say("Three more visits tell each side that the other confirmed")
    for who in ("ada", "bo", "ada"):
        stage.run(who, "sync")
    stage.run("bo", "sync", quiet=True)
    stage.run("ada", "bond", "list")


def write(stage: Show) -> str:
    """Ada writes a letter with two enclosures, and it is handed to the folder."""
    stage.say("Ada writes; the letter and a film of 64 MiB are sealed and handed to the folder")
    (stage.folder / "letter.txt").write_text(LETTER)
    stage.run(
        "ada", "write", "Bo", "--file", "letter.txt", "--subject", "Lilac", "--place", "Aldergrove",
        "--dated", "on the first warm evening", "--enclose", "winter-1929.txt", "--enclose", "garden.film",
    )  # fmt: skip
    stage.run("ada", "sync")
    stage.run("ada", "outbox")
    return stage.run("ada", "list", "Bo", quiet=True).split()[0]


def read_and_receipt(stage: Show, letter: str) -> None:
    """Bo takes it in, reads it, saves the film; his next visit carries the receipt back."""
    stage.say("Bo visits the folder, reads, and saves the film")
    stage.run("bo", "sync")
    stage.run("bo", "read", letter)
    (stage.folder / "saved").mkdir()
    stage.run("bo", "enclosure", "save", letter, "2", "--to", "saved")
    same = (stage.folder / "saved/garden.film").read_bytes() == (stage.folder / "garden.film").read_bytes()
    print("The film came out byte for byte as it went in." if same else "THE FILM DIFFERS", flush=True)
    stage.say("Bo's next visit carries the receipt; the letter's way as Ada sees it")
    stage.run("bo", "sync")
    stage.run("ada", "sync")
    stage.run("ada", "track", letter)
    if not same:
        raise SystemExit(1)


def main() -> None:
    """Show the main job once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave the folder of the show in place")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="tiercel-show-"))
    try:
        show(folder)
        print(FOR_REAL.format(tiercel=os.path.relpath(TIERCEL)), end="")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if keep:
            print(f"The two vaults are in {folder}; their passphrase is: only for this show")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
