"""Bonds as a person makes them: invite, accept, compare words, confirm, refuse, end."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from tiercel.bond.invitation import decode_invitation, encode_invitation
from tiercel.bond.pairing import Inviting
from tiercel.bond.pairing import accept as accept_invitation
from tiercel.bond.pairing import invite as make_invitation
from tiercel.delivery.events import BondEnded
from tiercel.errors import NameTaken, StateForbids, TwoAnswers, UsageError, WordsNotReady
from tiercel.limits import DAY_MS, ID_BYTES, PREKEY_KEPT_DAYS
from tiercel.parcel.epochs import epoch_of
from tiercel.vault import bonds as rows
from tiercel.vault import letters, roads
from tiercel.vault.bonds import Bond, Pairing
from tiercel.vault.roads import CarrierRow

from . import boxes, doubts, way
from .home import Home
from .names import check_name, look_alike, same_name
from .views import BondView, ReaderView, RetentionView, WordsView

RETENTION_DAYS_MAX = 36_500
TWO_ANSWERS = "two answers came: refuse, and invite anew"


def invite(home: Home, name: str, via: str) -> str:
    """Begin a bond over a carrier and give the invitation, which is for one person only.

    The invitation of a bond that has no answer yet is given again, the same to the byte.

    Raises:
        NameTaken: A bond of that name, or of one that looks like it, exists and has its answer.
        NameUnknown: There is no such carrier.
    """
    carrier = home.carrier(via)
    again = _invitation_again(home, name, carrier)
    if again is not None:
        return again
    base_epoch = epoch_of(home.clock.now_ms())
    state, invitation = make_invitation(home.entropy, base_epoch)
    invitation = replace(invitation, address=_address_of(carrier))
    with home.vault.transaction():
        bond = _add(home, name, 0, base_epoch)
        rows.add_pairing(
            home.vault, Pairing(bond.id, invitation.road_secret, base_epoch, "inviting", state.to_bytes(), None)
        )
        roads.join(home.vault, bond.id, carrier.id)
        boxes.begin_pairing(home, bond, carrier, invitation.road_secret)
    return encode_invitation(invitation)


def _address_of(carrier: CarrierRow) -> str:
    """What an invitation says of the road: of a relay its address, with the token, which makes boxes for both."""
    return carrier.place if carrier.kind == "relay" else ""


def _invitation_again(home: Home, name: str, carrier: CarrierRow) -> str | None:
    bond = rows.bond_named(home.vault, same_name(name))
    pairing = None if bond is None else rows.pairing_of(home.vault, bond.id)
    if bond is None or pairing is None or pairing.stage != "inviting" or bond.state != "pairing":
        return None
    with home.vault.transaction():
        roads.join(home.vault, bond.id, carrier.id)
        boxes.begin_pairing(home, bond, carrier, pairing.road_secret)
    again = Inviting.from_bytes(pairing.state).invitation(pairing.road_secret)
    return encode_invitation(replace(again, address=_address_of(carrier)))


def accept(home: Home, text: str, name: str, via: str | None = None) -> BondView:
    """Take up an invitation; the answer leaves with the next sync.

    Args:
        home: Opened.
        text: The invitation.
        name: Of the bond.
        via: A carrier; may be left out where the invitation names a relay, which is then used, and added if need be.

    Raises:
        MalformedInvitation, NewerVersion: Not a whole invitation of this version.
        NameTaken, NameUnknown: As named.
        StateForbids: This invitation was accepted here before, or made here.
        MalformedAddress: The relay it names has an address that cannot be read.
        UsageError: It names no relay, and no carrier was named.
    """
    invitation = decode_invitation(text)
    if via is None and not invitation.address:
        raise UsageError("This invitation names no road.", remedy="Name the one both of you use: --via CARRIER.")
    carrier = None if via is None else home.carrier(via)
    state, message = accept_invitation(invitation, home.entropy)
    with home.vault.transaction():
        for other in rows.all_bonds(home.vault):
            pairing = rows.pairing_of(home.vault, other.id)
            if pairing is not None and pairing.road_secret == invitation.road_secret:
                raise StateForbids(f"This invitation is already that of your bond {other.name}; nothing was changed.")
        bond = _add(home, name, 1, invitation.base_epoch)
        rows.add_pairing(
            home.vault,
            Pairing(
                bond.id, invitation.road_secret, invitation.base_epoch, "accepting", state.to_bytes(), message
            ),
        )  # fmt: skip
        for row in _roads_of(home, carrier, invitation.address):
            roads.join(home.vault, bond.id, row.id)
            boxes.begin_pairing(home, bond, row, invitation.road_secret)
    return view(home, home.bond(name))


def _roads_of(home: Home, carrier: CarrierRow | None, address: str) -> list[CarrierRow]:
    """The carrier that was named, and the relay of the invitation, each once."""
    from .relays import find_or_add

    relay = find_or_add(home, address, None) if address else None
    return list({row.id: row for row in (carrier, relay) if row is not None}.values())


def _add(home: Home, name: str, direction: int, base_epoch: int) -> Bond:
    name = check_name(name)
    taken = look_alike(name, (bond.name for bond in rows.all_bonds(home.vault)))
    before = None if taken is None else rows.bond_named(home.vault, taken)
    if before is not None and before.state != "refused":
        raise NameTaken(f"There is already a bond called {before.name}.", remedy="Choose another name.")
    if before is not None:
        rows.change_bond(home.vault, before.id, name=_name_of_refused(home, before.name))
    now = home.clock.now_ms()
    bond = rows.add_bond(
        home.vault,
        name=name,
        direction=direction,
        state="pairing",
        made_at=now,
        incarnation=home.entropy.token(ID_BYTES),
        previous=bytes(32),
        newest_heard=base_epoch,
        newest_sent=base_epoch,
    )
    rows.set_readers(home.vault, bond.id, "us", [("device", now // DAY_MS)])
    return bond


def _name_of_refused(home: Home, name: str) -> str:
    """Whoever refuses and invites anew means the same person: the refused bond gives up its name."""
    spoken_for = {bond.name for bond in rows.all_bonds(home.vault)}
    return next(other for n in count(1) if (other := f"{name} (refused {n})") not in spoken_for)


def view(home: Home, bond: Bond) -> BondView:
    """A bond as it is shown."""
    pairing = rows.pairing_of(home.vault, bond.id)
    confirmed = {(0, 0): "none", (1, 0): "us", (0, 1): "them", (1, 1): "both"}
    return BondView(
        bond.name,
        bond.state,
        confirmed[bond.confirmed_us, bond.confirmed_them],
        rows.warnings_of(home.vault, bond.id),
        tuple(carrier.name for carrier in roads.carriers_of(home.vault, bond.id)),
        invited=bond.state == "pairing" and pairing is not None and pairing.stage == "inviting",
        doubted_at=bond.doubted_at,
    )


def bonds(home: Home) -> list[BondView]:
    """Every bond, oldest first."""
    return [view(home, bond) for bond in rows.all_bonds(home.vault)]


def words(home: Home, name: str) -> WordsView:
    """The six words to compare, and who can read under the bond.

    Raises:
        WordsNotReady: The pairing messages have not all come.
    """
    bond = home.bond(name)
    if bond.words is None:
        raise WordsNotReady()
    readers = tuple(
        ReaderView(side, kind, since * DAY_MS)
        for side in ("us", "them")
        for kind, since in rows.readers_of(home.vault, bond.id, side)
    )
    warnings = rows.warnings_of(home.vault, bond.id)
    return WordsView(bond.name, tuple(bond.words.split()), readers, bond.state, warnings, bond.doubted_at)


def confirm(home: Home, name: str) -> BondView:
    """A person says that both screens show the same words; our opening leaves with the next sync.

    Of a bond that is made already they say so anew: what warned of a copy goes, and letters held in doubt go on.

    Raises:
        WordsNotReady: There are no words yet.
        TwoAnswers: Two answers came; this bond cannot be confirmed.
        StateForbids: It was refused or has ended.
    """
    with home.office.transaction():
        bond = home.bond(name)
        if bond.state in ("refused", "ended"):
            raise StateForbids(f"The bond {name} is {bond.state}; nothing was changed.", remedy="Invite anew.")
        if not bond.confirmed_us:
            if TWO_ANSWERS in rows.warnings_of(home.vault, bond.id):  # also before the words: they may never come
                raise TwoAnswers(remedy=f"Refuse it (`tiercel bond refuse {name}`) and invite anew.")
            if bond.state == "pairing":
                raise WordsNotReady()
            rows.change_bond(home.vault, bond.id, confirmed_us=1)
            way.service_letter(home, bond, letters.OPENING)
            settle(home, bond.id)
        elif bond.state == "bonded":
            doubts.settle(home, bond)
    return view(home, home.bond(name))


def settle(home: Home, bond: int) -> None:
    """Make a bond bonded when both sides have said so; the pairing secrets go."""
    now = rows.bond_by_id(home.vault, bond)
    if now.state == "compare" and now.confirmed_us and now.confirmed_them:
        rows.change_bond(home.vault, bond, state="bonded")
        rows.drop_pairing(home.vault, bond)


def refuse(home: Home, name: str) -> BondView:
    """Refuse a bond that is not bonded yet: its keys are deleted and nothing more is heard under it.

    Once our own "same" was sealed the other side may count on the bond, so it is ended instead: they are told as soon
    as their keys come, and what they write until then goes back to them.

    Raises:
        StateForbids: It is bonded already (end it instead), or over.
    """
    with home.office.transaction():
        bond = home.bond(name)
        if bond.state not in ("pairing", "compare"):
            raise StateForbids(
                f"The bond {name} is {bond.state}; it cannot be refused.",
                remedy=f"`tiercel bond end {name}` ends it." if bond.state == "bonded" else "",
            )
        openings = letters.letters_where(
            home.vault, "bond = ? AND kind = ? AND direction = 'out'", bond.id, letters.OPENING
        )
        if any(letter.seals for letter in openings):
            _end(home, bond)
        else:
            rows.change_bond(home.vault, bond.id, state="refused")
            for letter in openings:
                way.stop_sending(home, letter)
            rows.forget_keys(home.vault, bond.id)
    home.keys.forget()
    home.vault.forget()
    return view(home, home.bond(name))


def end(home: Home, name: str) -> BondView:
    """End a bond: the other side is told in a sealed letter, what was written stays readable, nothing new is sent.

    Raises:
        StateForbids: It is not bonded.
    """
    with home.office.transaction():
        bond = home.bond(name)
        if bond.state != "bonded":
            raise StateForbids(f"The bond {name} is {bond.state}; only a bonded one can be ended.")
        _end(home, bond)
    return view(home, home.bond(name))


def _end(home: Home, bond: Bond) -> None:
    rows.change_bond(home.vault, bond.id, state="ended")
    rows.drop_pairing(home.vault, bond.id)
    home.office.tell(BondEnded(bond.id))
    way.service_letter(home, bond, letters.END)


def forget_ended(home: Home) -> None:
    """Delete the keys of bonds whose end the other side knows of, or that ended so long ago that it never will.

    Whoever was told of the end keeps them for that long: the end may come again, and is acknowledged again.
    """
    for bond in rows.all_bonds(home.vault):
        if bond.state == "ended" and bond.auth_root is not None and _is_over(home, bond):
            with home.vault.transaction():
                for letter in letters.letters_where(home.vault, "bond = ? AND recall_at IS NOT NULL", bond.id):
                    letters.change_letter(home.vault, letter.seq, recall_at=None)
                    letters.add_event(
                        home.vault, letter.seq, home.clock.now_ms(), "nobody answers the recall: the bond has ended"
                    )
                rows.forget_keys(home.vault, bond.id)
            home.keys.forget()


def _is_over(home: Home, bond: Bond) -> bool:
    ends = letters.letters_where(home.vault, "bond = ? AND kind = ?", bond.id, letters.END)
    alone = all(letter.direction == "out" and letter.arrived_at is not None for letter in ends)
    if alone and not home.vault.one("SELECT 1 FROM notes_due WHERE bond = ? LIMIT 1", bond.id):
        return True
    before = home.clock.now_ms() - PREKEY_KEPT_DAYS * DAY_MS
    return not home.clock_doubtful and all((letter.arrived_at or letter.written_at or 0) < before for letter in ends)


def open_letters(home: Home, name: str) -> int:
    """How many letters of ours to a bond wait for a receipt; if it ends, they are held."""
    return sum(letter.kind == letters.LETTER for letter in way.open_letters(home, home.bond(name).id))


def retention(home: Home, name: str) -> RetentionView:
    """How long the text of a bond's letters is kept here; keeping is the default."""
    bond = home.bond(name)
    return RetentionView(bond.name, "until-receipt" if bond.burn_sent else "keep", bond.burn_read_days)


def set_retention(home: Home, name: str, view: RetentionView) -> RetentionView:
    """Decide how long text is kept; what the new rule ends is burnt with the next sync.

    Raises:
        UsageError: A number of days below 0 or above 36,500.
    """
    if view.received_days is not None and not 0 <= view.received_days <= RETENTION_DAYS_MAX:
        raise UsageError(f"Text can be kept 0 to {RETENTION_DAYS_MAX:,} days after reading, or for good.")
    with home.vault.transaction():
        bond = home.bond(name)
        burn_sent = int(view.sent == "until-receipt")
        rows.change_bond(home.vault, bond.id, burn_sent=burn_sent, burn_read_days=view.received_days)
    return retention(home, name)
