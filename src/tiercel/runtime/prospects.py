"""What comes next for a letter, in one sentence: the words are the same wherever its state is shown."""

from __future__ import annotations

from tiercel.delivery.states import UNDER_WAY, State
from tiercel.limits import DAY_MS
from tiercel.vault import notes
from tiercel.vault.bonds import Bond
from tiercel.vault.letters import Letter

from .home import Home
from .views import day_text, minute_text

_OURS = {
    State.DRAFT: "it waits for you to send it",
    State.ACCEPTED: "it is sealed and handed over with the next sync, as soon as there is a key to seal with",
    State.SEALED: "it is handed over with the next sync",
    State.HANDED_OVER: "it stays on its road until a receipt comes, and is sent again if need be",
    State.ARRIVED: "nothing: it arrived whole",
    State.READ: "nothing: it was read",
    State.ANSWERED: "nothing: it was answered",
    State.RETURNED: "nothing: the other side says it was not opened, and has deleted it",
    State.RECALLED: "nothing: it never left",
    State.EXPIRED: "it is no longer sent; a late receipt would still be shown",
    State.CROSSED: "nothing: your recall and the reading crossed on the way",
    State.HELD: "a person must decide: `tiercel send` sends it",
}
_THEIRS = {
    State.RETURNED: "nothing: it went back unopened, and nothing of it is here",
    State.CROSSED: "nothing: one copy of this vault gave it back unopened, another had shown it",
}


def what_next(home: Home, letter: Letter, bond: Bond) -> str:
    """What comes next; a sentence that begins with ``nothing:`` where nothing does."""
    return _of_ours(letter, bond) if letter.direction == "out" else _of_theirs(home, letter, bond)


def _of_ours(letter: Letter, bond: Bond) -> str:
    state = State(letter.state)
    if letter.recall_at is not None and state not in (State.RECALLED, State.CROSSED):
        return "the other side was asked not to show it; it answers returned or kept"
    if state == State.HELD and bond.state == "ended":
        return "the bond has ended: nothing carries this letter; `tiercel send --to` sends it once more in another"
    if bond.doubted_at is not None and state in (*UNDER_WAY, State.HELD):
        return f"it is held: compare the words again (tiercel bond words {bond.name})"
    following = _OURS[state]
    if letter.deadline_day is not None and state in (*UNDER_WAY, State.DRAFT):
        until = day_text(letter.deadline_day)
        following += f" until {until}; then it expires" if state == State.HANDED_OVER else f"; it expires after {until}"
    return following


def _of_theirs(home: Home, letter: Letter, bond: Bond) -> str:
    said = _THEIRS.get(State(letter.state))
    if said is not None:
        return said
    if letter.arrived_at is None:
        return "its enclosures are still coming; the writer hears of it when all is whole"
    waits = notes.waits(home.vault, bond.id, notes.RECEIPT, letter.id)
    if waits is None:
        told = "the writer was told" if bond.receipts else "the writer is not told (tiercel bond receipts)"
        return f"nothing: it is here whole; {told}{_unread(home, letter)}"
    leaves = "the next sync" if waits <= home.clock.now_ms() else f"a sync after {minute_text(waits)}"
    return f"it is here whole; the receipt leaves with {leaves}{_unread(home, letter)}"


def _unread(home: Home, letter: Letter) -> str:
    if letter.not_before_day is not None and letter.not_before_day * DAY_MS > home.clock.now_ms():
        return f"; you may open it from {day_text(letter.not_before_day)}"
    return "" if letter.read_at is not None else "; you have not read it"
