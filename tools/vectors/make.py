"""Makes vectors/ again, every file of it. `make vectors` fails when one changes.

Seals are random, so they are taken from the committed files, after opening them. With --new they are made anew: needed
when a key or a plaintext under a seal changed.
"""

from __future__ import annotations

import sys

import bond
import enclosures
import kit
import letter
import parcel
import relay
import sealing
import vault
import vector_files

FAMILIES = (letter, sealing, enclosures, parcel, bond, vault, relay)


def main(arguments: list[str]) -> None:
    """Write what differs, take away what no generator made, and say how many there are."""
    book = kit.Book(new_seals=arguments == ["--new"])
    for family in FAMILIES:
        family.make(book)
    wanted = {vector_files.VECTORS / f"{name}.txt": text for name, text in book.texts.items()}
    for path in set(vector_files.paths()) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
    good = sum("expect: ok" in text for text in wanted.values())
    print(f"{good} cases that open, {len(wanted) - good} that are refused")


if __name__ == "__main__":
    main(sys.argv[1:])
