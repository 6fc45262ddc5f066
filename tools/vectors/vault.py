"""vectors/vault: headers, with small costs so that they open fast."""

from __future__ import annotations

import struct

import kit
from kit import Terms, cut, with_byte

from tiercel.crypto import sha256
from tiercel.testing.entropy import SeededEntropy
from tiercel.vault.keys import KdfParameters, change_passphrase, new_header

KDF = KdfParameters(64, 1, 1)
WHOLE = Terms(cut("header"))
WORD = "caf\u00e9 au lait"


def summed(name: str, data: bytes, at: int, new: bytes) -> Terms:
    """A header with some bytes replaced and its sum made right."""
    body = data[:at] + new + data[at + len(new) : 252]
    return Terms(f"{cut(name, 0, at)} {new.hex()} {cut(name, at + len(new), 252)} {sha256(body).hex()}")


def make(book: kit.Book) -> None:
    header, key = new_header(WORD, SeededEntropy("vault"), KDF)
    changed = change_passphrase(header, WORD, "", SeededEntropy("changed"))
    swapped = header[:42] + header[147:252] + header[42:147]
    other, other_key = new_header("", SeededEntropy("other"), KdfParameters(80, 2, 2))
    good = {
        "header": ("the first slot opens", WORD, header, key),
        "header-nfd": ("the passphrase typed with a combining accent", "cafe\u0301 au lait", header, key),
        "header-second-slot": ("the second slot opens", WORD, swapped + sha256(swapped), key),
        "header-changed": ("after a change of the passphrase to an empty one", "", changed, key),
        "header-costs": ("other costs, two lanes", "", other, other_key),
    }
    for name, (about, word, data, opened) in good.items():
        book.add(f"vault/{name}", "header", about, passphrase=word, header=data, vault_key=opened)

    def refuse(name: str, about: str, expect: str, data: Terms | bytes = WHOLE, word: str = WORD) -> None:
        book.add(f"vault/bad-{name}", "header", about, expect, passphrase=word, header=data)

    for name, word in {"case": WORD.upper(), "space": WORD + " ", "empty": "", "nfkc": "ca\ufb00e"}.items():
        refuse(f"passphrase-{name}", "another passphrase", "wrong_passphrase", word=word)
    refuse("former", "the former passphrase after a change", "wrong_passphrase", Terms(cut("header-changed")))
    for name, at in (
        ("magic", 0),
        ("commitment", 10),
        ("salt", 51),
        ("check", 67),
        ("sealed", 99),
        ("unused", 200),
        ("sum", -1),
    ):
        refuse(f"rot-{name}", "one bit of the file changed", "vault_damaged", with_byte("header", header, at))
    refuse("cut", "the last byte missing", "vault_damaged", Terms(cut("header", 0, 283)))
    refuse("longer", "a byte more", "vault_damaged", Terms(cut("header") + " 00"))
    refuse("version-0", "version 0", "vault_damaged", summed("header", header, 8, b"\0\0"))
    refuse("newer", "version 2", "vault_newer", summed("header", header, 8, b"\0\2"))
    refuse("newer-longer", "version 2 and another length", "vault_newer", Terms(f"{cut('header', 0, 8)} 0002 ff*500"))
    for name, at in (("commitment", 41), ("salt", 51), ("check", 67), ("sealed", 99)):
        new = bytes([header[at] ^ 1])
        refuse(
            f"forged-{name}", "changed, and the sum made right", "wrong_passphrase", summed("header", header, at, new)
        )
    costs = {"memory": (0xFFFFFFFF, 1, 1), "memory-small": (7, 1, 1), "passes": (64, 17, 1), "passes-0": (64, 0, 1),
             "lanes": (1024, 1, 17), "lanes-0": (64, 1, 0), "memory-for-lanes": (64, 1, 16)}  # fmt: skip
    for name, cost in costs.items():
        data = summed("header", header, 42, struct.pack(">IIB", *cost))
        refuse(f"costs-{name}", "costs out of bounds", "vault_damaged", data)
