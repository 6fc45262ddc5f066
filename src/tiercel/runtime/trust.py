"""What only a person can say: that the clock is right, that a passphrase changes."""

from __future__ import annotations

from tiercel.vault import instants, settings

from .home import Home


def clock_ok(home: Home) -> None:
    """A person says that the clock is right now; what waited for it goes on with the next sync.

    What was stored under a later time is taken for stored now: it ages from here on.
    """
    with home.vault.transaction():
        settings.put(home.vault, "clock_in_doubt", 0)
        settings.put(home.vault, "last_run_ms", home.clock.now_ms())
        instants.not_later_than(home.vault, home.clock.now_ms())


def change_passphrase(home: Home, old: str, new: str) -> None:
    """Give the vault another passphrase; the letters are not encrypted anew, only their key.

    Raises:
        WrongPassphrase: ``old`` does not open this vault; nothing was changed.
    """
    home.vault.change_passphrase(old, new, home.entropy)
