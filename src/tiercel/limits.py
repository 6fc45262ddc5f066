"""Every number of the specification, with its unit in the name and its section beside it.

A test compares each constant with the table in spec/constants.md; change both in one commit.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = b"tiercel/1"  # first item of every derivation; spec/sealing.md 1
FORMAT_VERSION: Final = 1  # first byte or field of every record
LETTER_VERSION: Final = 3  # newest letter record; spec/letter.md 2
RESTORED_VERSION: Final = 2  # of what tells of a copy
INVITATION_VERSION: Final = 2  # newest invitation; spec/bond.md 1

# -- epochs and lifetimes, days; spec/parcel.md 2, spec/sealing.md 6 --
EPOCH_DAYS: Final = 30
EPOCHS_KEPT_BEFORE: Final = 5
EPOCHS_AHEAD: Final = 1
EPOCHS_SENDER_LEAD: Final = 5  # a sender runs at most this far ahead of what it heard
PREKEY_USABLE_DAYS: Final = 120
PREKEY_KEPT_DAYS: Final = 247  # 120 usable + 120 on the way + 7 of skew
GENERATION_KEPT_DAYS: Final = 247
UNCLAIMED_KEPT_DAYS: Final = 247  # symbols without a letter
QUARANTINE_DAYS: Final = 30
ROOT_RENEW_DAYS: Final = 30
ROOTS_OFFERED_MAX: Final = 4
ROOTS_UNUSED_KEPT_MAX: Final = 16  # superseded ones past their time, where no root is in use
RESTORED_AGAIN_DAYS: Final = 30  # what tells of a copy and has no receipt is told anew
RESTORED_GENERATIONS: Final = 1 << 24  # passed over after a copy was put back: more than the lost time can have offered
OTHER_GENERATION_MAX: Final = 1 << 31  # a root given by the reader leaves the writer half of the numbers
LAST_RESORT_RENEW_DAYS: Final = 30
SERVICE_AHEAD_DAYS: Final = 15  # a service letter brings also what would be due so soon
CLOCK_FORWARD_DAYS_MAX: Final = 45  # more between two runs puts the clock in doubt
CLOCK_BACK_DAYS_MAX: Final = 1
RETRANSMIT_DAYS_MAX: Final = 30
SERVICE_LETTER_DAYS: Final = 7  # at most one service letter in so many days
SERVICE_LETTERS_MAX: Final = 4  # and so many under way
RECEIPT_DELAY_MS_MAX: Final = 3_600_000  # under --watch a receipt waits a random part of this
RECEIPT_DELAY_HOURS_MAX: Final = 24  # a reader may let receipts of a bond wait a random part of so many hours at most
DUPLICATE_RECEIPT_DAYS: Final = 1  # a duplicate repeats the receipt at most this often
WANT_AGAIN_DAYS: Final = 7  # what an enclosure lacks is asked for again

# -- prekeys; spec/sealing.md 2 --
GIFTS_TARGET: Final = 32
GIFTS_LOW: Final = 16
GIFTS_MAX: Final = 256
GIFTS_KEPT_MAX: Final = 4096  # secrets of gifts, those past their use too; a clock that jumps ages all of them at once

# -- sizes, bytes --
HASH_BYTES: Final = 32
KEY_BYTES: Final = 32
ID_BYTES: Final = 16  # letter, bond, incarnation
PID_BYTES: Final = 8
TOKEN_BYTES: Final = 32
KEM_SEED_BYTES: Final = 96  # ML-KEM-768 seed (64) then X25519 private key (32)
KEM_PUBLIC_BYTES: Final = 1216  # ML-KEM-768 (1184) then X25519 (32)
KEM_ENC_BYTES: Final = 1120
AEAD_TAG_BYTES: Final = 16
GIFT_BYTES: Final = 1256  # pid, public key, token
MAC_BYTES: Final = 32
ENVELOPE_OVERHEAD_BYTES: Final = 1168  # enc, mac, AEAD tag
BUNDLE_OVERHEAD_BYTES: Final = 1204  # LP(pid, incarnation, envelope) around a body

# -- letters; spec/letter.md 2 --
LETTER_TEXT_BYTES_MAX: Final = 4 * 1024 * 1024
LETTER_LINE_BYTES_MAX: Final = 1000  # subject, place, dated
ENCLOSURES_MAX: Final = 1000
ENCLOSURE_NAME_BYTES_MAX: Final = 1000
ENCLOSURE_BYTES_MAX: Final = 1 << 40
READERS_MAX: Final = 64
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
LETTER_CLASSES: Final = (1, 2, 4, 9, 18, 36, 72, 144, 288, 576)  # symbols of 1,792 bytes

# -- parcels; spec/parcel.md 3 and 4 --
TAG_RANDOM_BYTES: Final = 16
TAG_BYTES: Final = 16
PARCEL_HEAD_BYTES: Final = 32
PARCEL_OVERHEAD_BYTES: Final = 48  # r, tag, AEAD tag
BOX_HEADER_BYTES: Final = 45
SYMBOL_REF_BYTES: Final = 5  # group u32, index u8
SYMBOL_SMALL_BYTES: Final = 1792
SYMBOL_LARGE_BYTES: Final = 16128
SMALL_BUNDLE_BYTES_MAX: Final = 1 << 20
GROUP_SYMBOLS_MAX: Final = 128
GROUP_INDICES: Final = 256
BUNDLE_BYTES_MAX: Final = (1 << 40) + (1 << 36)
NOTE_ITEMS_MAX: Final = 1024
GATHERED_BYTES_MAX: Final = 1 << 24  # a letter's bundle: twice the largest body
PARTIAL_BUNDLES_MAX: Final = (
    4  # of the longest, not whole yet: the room for letters of a bond, and for pairing messages
)
SPOOL_BOND_BYTES_MAX: Final = 1 << 36  # unclaimed enclosures of one bond
SPOOL_FREE_PARTS: Final = 2  # what a bond still brings of enclosures is at most the free disk divided by this

# -- enclosures at rest and on the way; spec/sealing.md 5 --
STREAM_CHUNK_BYTES: Final = 64 * 1024
STREAM_CHUNK_SEALED_BYTES: Final = 64 * 1024 + 16

# -- pairing; spec/bond.md --
WORDS_COUNT: Final = 6
WORD_LIST_LENGTH: Final = 2048
INVITATION_CHECK_BYTES: Final = 4
PAIRING_MESSAGE_BYTES_MAX: Final = 4096

# -- the folder; spec/parcel.md 6 --
FOLDER_KEEP_DAYS: Final = 60
FOLDER_FILES_MAX: Final = 1_000_000  # entries looked at in one visit

# -- the relay; spec/relay.md --
RELAY_BATCH_PARCELS_MAX: Final = 256
RELAY_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024  # of parcels in one request or answer: 256 cells, 16 bulk cells
RELAY_REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024 + 64 * 1024
RELAY_HEAD_BYTES_MAX: Final = 8192
RELAY_HEAD_S_MAX: Final = 10
RELAY_PACE_BYTES: Final = 16 * 1024  # a body brings so much in every RELAY_PACE_S, or its sender is dropped
RELAY_PACE_S: Final = 10
RELAY_UNFINISHED_BYTES_MAX: Final = 64 * 1024 * 1024  # of requests that are not whole yet, on a machine of 1 GB
RELAY_WAIT_S_MAX: Final = 240  # below the five minutes after which routers forget a silent connection
RELAY_HOLD_DAYS: Final = 60  # as long as a folder keeps what nobody took
RELAY_BOX_BYTES: Final = 256 * 1024 * 1024
RELAY_BOX_RESERVE_BYTES: Final = 256 * 1024  # what no other box can take from it: letters, not films
RELAY_BOX_IDLE_DAYS: Final = 400
RELAY_COLLECTED_BYTES: Final = 64  # what remembering the id of a collected parcel costs its box
RELAY_STEP_MS_MAX: Final = 3_600_000  # relay time moves by so much at most, whatever the clock says
RELAY_ADDRESS_CHARS_MAX: Final = 512
RELAY_BOXES_TOLD_MAX: Final = 8  # boxes of ours that the other side is told of: one for each relay
RELAY_BOX_RENEW_DAYS: Final = 30
RELAY_BOX_KEPT_DAYS: Final = 247  # an old box is read so long after the other side knows the new one

# -- the vault; spec/vault.md --
ARGON2_MEMORY_KIB: Final = 64 * 1024
ARGON2_PASSES: Final = 3
ARGON2_LANES: Final = 4
ARGON2_MEMORY_KIB_MAX: Final = 4 * 1024 * 1024
ARGON2_PASSES_MAX: Final = 16
ARGON2_LANES_MAX: Final = 16
VAULT_BUSY_MS: Final = 10_000

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
