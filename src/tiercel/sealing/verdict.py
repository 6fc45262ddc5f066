"""What a prekey id says of a bundle before anything is opened.

========== ============================= ========================================================
pid        verdict                       what follows (spec/sealing.md 8)
========== ============================= ========================================================
spent      Duplicate                     the same bundle: drop, repeat the receipt, at most daily;
                                         another: as expired, its sender was put back from a copy
other bond OtherBond                     quarantine; to the sender the same as KeyExpired
live       none: open it                 Damaged or Forged may still come of it
expired    KeyExpired                    tell the sender, who seals again if it is still wanted
unknown    KeyExpired, ``unknown`` true  quarantine; after a restore, tell the sender
========== ============================= ========================================================
"""

from __future__ import annotations

from tiercel.errors import Duplicate, KeyExpired, OtherBond


def verdict_for(pid: bytes, *, live: bool, spent: bool, expired: bool, other_bond: bool) -> None:
    """Return if the prekey ``pid`` may be used to open, or raise the verdict; the first true word decides.

    Args:
        pid: The prekey id, named in the sentence of the verdict.
        live: Its secret is here and unused.
        spent: It opened a letter before. Stronger than ``live``: one key opens one letter.
        expired: Its secret was here and was deleted by time.
        other_bond: It belongs to another bond, or to the other direction of this one.

    Raises:
        Duplicate, OtherBond, KeyExpired: See the table of this module.
    """
    if spent:
        raise Duplicate()
    if other_bond:
        raise OtherBond()
    if live:
        return
    verdict = KeyExpired(
        f"Key {pid.hex()} is {'gone' if expired else 'not known here'}: the letter must be sealed again."
    )
    verdict.unknown = not expired
    raise verdict
