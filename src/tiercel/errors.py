"""Every public error of Tiercel, by family.

A family says whose doing it is and gives the exit code of the command line. A class says the situation; its
``remedy`` says what a person does next. Outcomes of a letter (arrived, returned, expired) are not errors.

Example:
    >>> WrongPassphrase().kind
    'wrong_passphrase'
"""

from __future__ import annotations

import re


class TiercelError(Exception):
    """A situation a person can understand: one sentence, a kind, an exit code and a remedy."""

    exit_code = 1
    sentence = "Something went wrong inside Tiercel."
    remedy = ""

    def __init__(self, sentence: str | None = None, *, remedy: str | None = None) -> None:
        super().__init__(sentence or self.sentence)
        if remedy is not None:
            self.remedy = remedy

    @property
    def kind(self) -> str:
        """The class name in snake case; scripts may rely on it."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


# -- usage: what the person asked for does not fit -------------------------------------------------


class UsageError(TiercelError):
    """The request does not fit: a missing or contradictory argument."""

    exit_code = 2
    sentence = "That request does not fit."


class NameUnknown(UsageError):
    """No bond, carrier, letter or enclosure has that name or id."""

    sentence = "There is nothing of that name."


class NameTaken(UsageError):
    """A bond or carrier of that name exists already."""

    sentence = "That name is taken."


class NameRefused(UsageError):
    """A parcel name is not 26 characters of lower-case base32; nothing was touched."""

    sentence = "That is not the name of a parcel."


class IdAmbiguous(UsageError):
    """A prefix fits more than one letter."""

    sentence = "That id fits more than one letter."
    remedy = "Give more of the id."


class StateForbids(UsageError):
    """The letter or bond is in a state in which this cannot be done."""

    sentence = "That cannot be done in this state."


class EnclosureChanged(UsageError):
    """A file shrank or grew while it was being enclosed."""

    sentence = "This file changed while it was being enclosed; nothing was sealed."
    remedy = "Close the program that writes to it, then enclose it again."


# -- malformed: bytes that do not follow the spec --------------------------------------------------


class MalformedError(TiercelError):
    """Bytes do not follow the spec of their layer. They are dropped and counted."""

    exit_code = 3
    sentence = "These bytes do not follow the specification."


class MalformedWire(MalformedError):
    """A length, an integer or a record breaks the common rules of encoding."""


class MalformedLetter(MalformedError):
    """The body of a letter does not follow spec/letter.md."""


class MalformedBundle(MalformedError):
    """A sealed bundle does not follow spec/sealing.md."""


class MalformedParcel(MalformedError):
    """The inside of a parcel does not follow spec/parcel.md."""


class MalformedNote(MalformedError):
    """A note does not follow spec/parcel.md."""


class MalformedPairing(MalformedError):
    """A pairing message does not follow spec/bond.md."""


class MalformedInvitation(MalformedError):
    """An invitation was not copied whole, or is not one."""

    sentence = "This is not a whole invitation."
    remedy = "Copy the whole line that `tiercel bond invite` printed, from `tiercel1` to its end."


class MalformedRelay(MalformedError):
    """A request to a relay, or its answer, does not follow spec/relay.md."""


class MalformedAddress(MalformedError):
    """The address of a relay was not copied whole, or is not one."""

    sentence = "This is not a whole address of a relay."
    remedy = "Copy the whole line that `tiercel relay serve` printed, from `tiercel-relay://` to its end."


class NewerVersion(MalformedError):
    """The bytes were written by a newer Tiercel."""

    sentence = "This was written by a newer Tiercel."
    remedy = "Upgrade Tiercel; what came is kept sealed and tried again."


# -- seal: not authentic, or too late --------------------------------------------------------------


class SealError(TiercelError):
    """What came is not authentic, or can no longer be opened."""

    exit_code = 4
    sentence = "This could not be opened."


class Duplicate(SealError):
    """Verdict: this letter was opened before."""

    sentence = "This letter was opened before."


class KeyExpired(SealError):
    """Verdict: the one-time key of this letter is gone; the sender must seal it again.

    ``unknown`` is true when no such key was ever here, as after a restore; such a bundle is put aside.
    """

    sentence = "The key of this letter is gone; it must be sealed again."
    unknown = False


class Forged(SealError):
    """Verdict: sealed by someone who does not hold the secret of this bond."""

    sentence = "This letter is not from your correspondent."


class Damaged(SealError):
    """Verdict: the bytes were changed on the way or at rest."""

    sentence = "This was damaged."


class OtherBond(SealError):
    """Verdict: sealed for another bond or another direction."""

    sentence = "This belongs to another bond."


class TagUnknown(SealError):
    """No live bond recognises a parcel. Normal on a shared carrier."""


class SealBroken(SealError):
    """An authenticated cipher refused; nothing was released."""


class KeyDegenerate(SealError):
    """A public key is of low order, out of range or otherwise unfit."""

    sentence = "A key that came is unfit and was refused."


class TwoAnswers(SealError):
    """Two different answers came to one invitation."""

    sentence = "Two answers came to this invitation: someone else may hold it."
    remedy = "Refuse this bond (`tiercel bond refuse NAME`) and invite anew."


class PairingBroken(SealError):
    """A pairing message does not fit the invitation."""


class SuiteMissing(SealError):
    """The cryptographic library at hand lacks a part of the one suite; there is no fallback."""

    sentence = "The cryptographic library here cannot do ML-KEM-768 with X25519, and Tiercel has no weaker way."
    remedy = "Run `make setup` again to install the pinned libraries."


# -- carrier: the road -----------------------------------------------------------------------------


class CarrierError(TiercelError):
    """A road failed. ``permanent`` says that trying again alone will not help."""

    exit_code = 5
    sentence = "A carrier failed."

    def __init__(
        self,
        sentence: str | None = None,
        *,
        permanent: bool = False,
        retry_after_s: float | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(sentence, remedy=remedy)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class CarrierMissing(CarrierError):
    """The folder, disk or server of a carrier is not there."""

    sentence = "The carrier is not there."


class CarrierReadOnly(CarrierError):
    """The carrier can be read but not written."""

    sentence = "The carrier cannot be written."


class CarrierFull(CarrierError):
    """The carrier has no room; what waits is kept."""

    exit_code = 7
    sentence = "The carrier is full."


class BoxMissing(CarrierError):
    """The box of the other side is not on the relay, or it is not known yet; what waits for it is kept."""

    sentence = "The box of the other side is not on the relay."
    remedy = "It is made again when they sync; nothing is lost."


class ParcelMissing(CarrierError):
    """A named parcel is not (or no longer) on the carrier."""

    sentence = "That parcel is not on the carrier."


class ParcelTaken(CarrierError):
    """Something that is no parcel of ours has the name of one; under another name it can be put."""

    sentence = "Something else has the name of a parcel."


class SyncLocked(CarrierError):
    """Another process does the road work of this vault."""

    sentence = "Another Tiercel is carrying letters for this vault."
    remedy = "Wait for it to end, or stop it."


# -- vault: storage --------------------------------------------------------------------------------


class VaultError(TiercelError):
    """The vault cannot be used as asked; nothing was overwritten."""

    exit_code = 6
    sentence = "The vault cannot be used."


class VaultMissing(VaultError):
    """There is no vault in that folder."""

    sentence = "There is no vault here."
    remedy = "Make one with `tiercel init`, or name yours with --vault DIR."


class VaultExists(VaultError):
    """A vault, or other files, are already in that folder."""

    sentence = "There is already something in that folder; nothing was changed."
    remedy = "Choose an empty or new folder with --vault DIR."


class WrongPassphrase(VaultError):
    """The passphrase opens no slot."""

    sentence = "That passphrase does not open this vault."
    remedy = "Try again; check the keyboard layout and Caps Lock."


class VaultDamaged(VaultError):
    """A page, header or file of the vault fails its check."""

    sentence = "The vault is damaged: a part of it fails its check. Nothing was changed."
    remedy = "Put back a copy of the vault folder, or run `tiercel doctor`."


class VaultNewer(VaultError):
    """The vault was written by a newer Tiercel."""

    sentence = "This vault was written by a newer Tiercel. Nothing was changed."
    remedy = "Upgrade Tiercel."


class VaultBusy(VaultError):
    """Another process kept the vault locked for more than ten seconds."""

    sentence = "Another process is writing to this vault; nothing was changed."
    remedy = "Try again."


class VaultRolledBack(VaultError):
    """The vault is older than it was when last used on this machine."""

    sentence = "This vault is an older copy of itself. Letters can be read; nothing is sent until you decide."
    remedy = "Put the newer copy back, or, if this one is all there is, run `tiercel doctor --accept-old-copy`."


class EnclosureDamaged(VaultError):
    """The stored file of an enclosure fails its check."""

    sentence = "The stored enclosure is damaged."
    remedy = "Put back a copy of the vault folder, or ask your correspondent to send it again."


# -- store: what a relay holds -----------------------------------------------------------------------


class StoreError(TiercelError):
    """The store of a relay cannot be used as asked; nothing is promised."""

    exit_code = 6
    sentence = "The store of the relay cannot be used."


class StoreNotDurable(StoreError):
    """The store does not keep what it commits, or nobody can make sure that it does; nothing was promised."""

    sentence = "This store does not keep what it commits through a power cut, so this relay promises nothing."


class StoreFailed(StoreError):
    """Reading, writing or syncing failed; whatever was not answered is not promised."""

    sentence = "The store of the relay failed. What was promised before is there; nothing more is promised."
    remedy = "Look at the disk, then start the relay again: it checks the store first."


class StoreDamaged(StoreError):
    """The store fails its check."""

    sentence = "The store of the relay is damaged: it fails its check. Nothing was changed."
    remedy = "Put back a copy, or begin with an empty store: senders put again what nobody confirmed."


class StoreNewer(StoreError):
    """The store was written by a newer Tiercel."""

    sentence = "This store was written by a newer Tiercel. Nothing was changed."
    remedy = "Upgrade Tiercel."


class StoreBusy(StoreError):
    """Another process has the store."""

    sentence = "Another relay has this store."
    remedy = "Stop it, or name another store with --store."


# -- limits ----------------------------------------------------------------------------------------


class LimitError(TiercelError):
    """Too big or too many; refused before anything was allocated."""

    exit_code = 7
    sentence = "That is too large."


class DiskFull(LimitError):
    """The disk of the vault has no room; everything is kept as it was."""

    sentence = "The disk is full. Everything is kept as it was."
    remedy = "Free some room and run the command again."


# -- not yet ---------------------------------------------------------------------------------------


class NotYet(TiercelError):
    """The moment for this has not come."""

    exit_code = 8
    sentence = "Not yet."


class NotBonded(NotYet):
    """Both people have not yet said `bond confirm`."""

    sentence = "This bond is not confirmed by both sides yet."
    remedy = "Sync on both sides, compare the six words, and run `tiercel bond confirm NAME` on both."


class WordsNotReady(NotYet):
    """The pairing messages have not all come."""

    sentence = "The six words are not there yet: the other side's answer has not come."
    remedy = "Run `tiercel sync` on both sides, then ask again."


class NotBefore(NotYet):
    """The writer asked that this letter be opened on a later day."""

    sentence = "The writer asked that this letter not be opened yet."


class NotWhole(NotYet):
    """An enclosure has not come whole."""

    sentence = "This enclosure has not come whole yet."
    remedy = "Run `tiercel sync` again when more has come."
