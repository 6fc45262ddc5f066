"""Drafts: their text is changed, or they are thrown away as if they had never been."""

from __future__ import annotations

from tiercel.delivery.states import State
from tiercel.errors import StateForbids, UsageError
from tiercel.vault import letters
from tiercel.vault.letters import Letter

from .home import Home
from .letters import find, view
from .views import LetterView
from .writing import check_text


def text(home: Home, letter_id: str) -> str:
    """The text of a draft.

    Raises:
        NameUnknown, IdAmbiguous: No such letter, or more than one.
        StateForbids: It is no draft.
    """
    return _draft(home, letter_id).body


def edit(home: Home, letter_id: str, new: str) -> LetterView:
    """Give a draft another text.

    Raises:
        StateForbids: It is no draft; nothing was changed.
        UsageError, LimitError: No text at all, or too much; nothing was changed.
    """
    check_text(new)
    with home.vault.transaction():
        letter = _draft(home, letter_id)
        if not new.strip() and not letters.enclosures_of(home.vault, letter.seq):
            raise UsageError("The letter is empty; nothing was changed.", remedy="`tiercel discard` deletes a draft.")
        letters.change_text(home.vault, letter, new)
        shown = view(home, letter)
    home.vault.forget()
    return shown


def discard(home: Home, letter_id: str) -> LetterView:
    """Delete a draft, its text and what was enclosed; give it as it was last listed.

    Raises:
        StateForbids: It is no draft; nothing was changed.
    """
    with home.vault.transaction():
        letter = _draft(home, letter_id)
        shown = view(home, letter)
        home.doomed.update(letters.drop_letter(home.vault, letter))
    home.remove_doomed()
    home.vault.forget()
    return shown


def _draft(home: Home, letter_id: str) -> Letter:
    letter = find(home, letter_id)
    if letter.state != State.DRAFT.value:
        ours = "has been sent" if letter.direction == "out" else "is not yours"
        raise StateForbids(f"This letter {ours}; only a draft can be changed or discarded.")
    return letter
