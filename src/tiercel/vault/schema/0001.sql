-- The vault, version 1. Every table is STRICT; a column never changes its meaning: a new meaning is a new column.
-- Times: *_at is UTC milliseconds since 1970, *_day whole UTC days since 1970. Ids and keys are BLOBs of fixed size.

CREATE TABLE meta (             -- schema_version, generation, vault_id, owner, last_run_ms, clock_in_doubt, visit
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT;

CREATE TABLE carriers (         -- roads this vault knows
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name     TEXT NOT NULL UNIQUE,
    kind     TEXT NOT NULL,     -- a name from the fixed table of carriers/registry.py
    place    TEXT NOT NULL,     -- for a folder its absolute path
    added_at INTEGER NOT NULL
) STRICT;

CREATE TABLE bonds (            -- one row per correspondent; bonds share nothing
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL UNIQUE,
    direction      INTEGER NOT NULL CHECK (direction IN (0, 1)),  -- of what we send: 0 we invited, 1 we accepted
    state          TEXT NOT NULL CHECK (state IN ('pairing', 'compare', 'bonded', 'refused', 'ended')),
    confirmed_us   INTEGER NOT NULL DEFAULT 0,
    confirmed_them INTEGER NOT NULL DEFAULT 0,
    made_at        INTEGER NOT NULL,
    words          TEXT,        -- six words, space between; NULL before compare
    bond_id        BLOB,
    auth_root      BLOB,
    incarnation    BLOB NOT NULL,      -- ours
    next_number    INTEGER NOT NULL DEFAULT 1,
    previous       BLOB NOT NULL,      -- hash chain over our letters; 32 zero bytes before the first
    newest_heard   INTEGER NOT NULL,   -- newest parcel epoch heard from the other side
    newest_sent    INTEGER NOT NULL,   -- newest parcel epoch used; a sender never goes back
    service_at     INTEGER,            -- when the last service letter was made
    burn_sent      INTEGER NOT NULL DEFAULT 0,  -- retention: text of ours is burnt once its receipt came
    burn_read_days INTEGER             -- retention: text of theirs is burnt so many days after reading; NULL keeps it
) STRICT;

CREATE TABLE bond_carriers (
    bond    INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    carrier INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    PRIMARY KEY (bond, carrier)
) STRICT;

CREATE TABLE warnings (         -- what stands on the screen beside a bond until the bond is gone
    bond INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (bond, text)
) STRICT;

CREATE TABLE readers (          -- who can read under a bond, as each side declares it
    bond      INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    side      TEXT NOT NULL CHECK (side IN ('us', 'them')),
    kind      TEXT NOT NULL,
    since_day INTEGER NOT NULL,
    PRIMARY KEY (bond, side, kind, since_day)
) STRICT;

CREATE TABLE pairings (         -- the state between two pairing messages; gone when bonded
    bond        INTEGER PRIMARY KEY REFERENCES bonds (id) ON DELETE CASCADE,
    road_secret BLOB NOT NULL,
    base_epoch  INTEGER NOT NULL,
    stage       TEXT NOT NULL,  -- inviting, answered, accepting, paired
    state       BLOB NOT NULL,  -- as bond.pairing writes it; once paired the hash of the answer taken, or nothing
    message_out BLOB            -- repeated byte for byte until the next one comes
) STRICT;

CREATE TABLE roots (            -- parcel roots, per direction of travel
    bond       INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    direction  INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,       -- the epoch that `root` is for; moves forward, older epochs are gone
    root       BLOB NOT NULL,
    standing   TEXT NOT NULL CHECK (standing IN ('offered', 'current', 'superseded')),
    since_at   INTEGER NOT NULL,       -- when it took its standing
    PRIMARY KEY (bond, direction, generation)
) STRICT;

CREATE TABLE prekeys_ours (     -- secrets we gave public halves of; a row dies with the letter it opens
    bond        INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    pid         BLOB NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('one-time', 'last-resort', 'pairing')),
    seed        BLOB NOT NULL,
    token       BLOB NOT NULL,
    public_hash BLOB NOT NULL,
    made_day    INTEGER NOT NULL,
    letter      BLOB,                  -- the letter that carried the gift
    acked_at    INTEGER,               -- when that letter's receipt came
    superseded_at INTEGER,             -- last-resort only: when a newer one was acknowledged
    PRIMARY KEY (bond, pid)
) STRICT;
CREATE INDEX prekeys_ours_letter ON prekeys_ours (letter);

CREATE TABLE prekeys_spent (    -- tombstones for the life of the bond: tell duplicate and expired from unknown
    bond   INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    pid    BLOB NOT NULL,
    letter BLOB,                       -- the letter it opened; NULL when it expired unused
    PRIMARY KEY (bond, pid)
) STRICT, WITHOUT ROWID;

CREATE TABLE prekeys_theirs (   -- gifts to seal with; a one-time row dies in the transaction that seals
    bond        INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    pid         BLOB NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('one-time', 'last-resort', 'pairing')),
    incarnation BLOB NOT NULL,
    public      BLOB NOT NULL,
    token       BLOB NOT NULL,
    made_day    INTEGER NOT NULL,
    PRIMARY KEY (bond, pid)
) STRICT;
CREATE TABLE prekeys_refused (  -- pids of theirs we used or dropped: a gift is never taken twice
    bond INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    pid  BLOB NOT NULL,
    PRIMARY KEY (bond, pid)
) STRICT, WITHOUT ROWID;

CREATE TABLE letters (          -- letters, drafts, service letters, openings; ids are kept for the life of the bond
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    listed         INTEGER NOT NULL,             -- the newest in a list has the greatest: visit, theirs then ours, number or seq
    id             BLOB NOT NULL,                -- as the two sides of the bond call it; unique in the bond only
    bond           INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    direction      TEXT NOT NULL CHECK (direction IN ('out', 'in')),
    kind           INTEGER NOT NULL DEFAULT 0,   -- letter.record.Kind
    state          TEXT NOT NULL,                -- delivery.states
    number         INTEGER,
    previous       BLOB,
    subject        TEXT,
    place          TEXT,
    dated          TEXT,
    body           TEXT NOT NULL DEFAULT '',
    reply_to       BLOB,
    urgent         INTEGER NOT NULL DEFAULT 0,
    written_at     INTEGER,
    deadline_day   INTEGER,
    not_before_day INTEGER,
    arrived_at     INTEGER,     -- in: whole with all enclosures here; out: receipt came
    shown_at       INTEGER,     -- in: first shown, by reading or peeking; decides a recall
    read_at        INTEGER,
    receipt_secret BLOB,
    receipt_at     INTEGER,     -- in: when the arrived receipt was last queued
    answered_at    INTEGER,     -- in: when a recall of it was last answered
    recall_at      INTEGER,     -- out: when a recall was asked; NULL when none is open
    burnt_at       INTEGER,     -- the text and its enclosures are gone by the retention rule
    weaker         INTEGER NOT NULL DEFAULT 0,   -- sealed to a last-resort prekey
    seals          INTEGER NOT NULL DEFAULT 0,   -- out: how often it was sealed
    carried_root   INTEGER,     -- out: the root generation that its only seal carried
    planned        INTEGER NOT NULL DEFAULT 0,   -- out: a parcel of it was planned, so it may have left; never cleared
    UNIQUE (bond, id)
) STRICT;
CREATE INDEX letters_id ON letters (id);  -- a person names a letter by its id, in whichever bond
CREATE INDEX letters_bond ON letters (bond, listed);
CREATE INDEX letters_listed ON letters (listed);
CREATE INDEX letters_open ON letters (state) WHERE direction = 'out';
CREATE INDEX letters_recall ON letters (recall_at) WHERE recall_at IS NOT NULL;
CREATE INDEX letters_reply ON letters (reply_to) WHERE reply_to IS NOT NULL;

CREATE VIRTUAL TABLE letters_fts USING fts5 (
    -- Without these indexes the beginning of a common word gathers every letter that holds it: 7 ms in 30,000 letters.
    subject, body, names, place, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3 4'
);
INSERT INTO letters_fts (letters_fts, rank) VALUES ('secure-delete', 1);

CREATE TABLE enclosures (       -- files sealed into letters; at rest in age STREAM form under enclosures/
    letter      INTEGER NOT NULL REFERENCES letters (seq) ON DELETE CASCADE,
    n           INTEGER NOT NULL,      -- counts from 1
    name        TEXT NOT NULL,         -- the writer's label; never used as a path
    kind        TEXT NOT NULL,
    size        INTEGER NOT NULL,
    key         BLOB NOT NULL,
    bundle_hash BLOB NOT NULL,
    file        TEXT,                  -- NULL until whole
    asked_at    INTEGER,               -- in: when what lacks was last asked for; first, when the letter came; NULL: given up
    PRIMARY KEY (letter, n)
) STRICT;
CREATE INDEX enclosures_hash ON enclosures (bundle_hash);
CREATE INDEX enclosures_waiting ON enclosures (asked_at) WHERE file IS NULL;

CREATE TABLE bundles_out (      -- sealed things under way; gone on receipt, return, recall or expiry
    hash       BLOB PRIMARY KEY,
    bond       INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    letter     INTEGER NOT NULL,       -- letters.seq
    kind       INTEGER NOT NULL,       -- parcel.box.Kind
    length     INTEGER NOT NULL,
    sealed     BLOB,                   -- a letter's bundle; NULL for an enclosure, which is in `file`
    file       TEXT,
    pid        BLOB,                   -- the prekey it is sealed to, for key-expired notices
    made_day   INTEGER,                -- of that prekey; NULL when it does not age
    next_index INTEGER NOT NULL DEFAULT 0,  -- first symbol index not sent yet, the same for all groups
    peer_has   INTEGER NOT NULL DEFAULT 0,  -- the other side said so: not sent again
    heard_day  INTEGER NOT NULL DEFAULT 0   -- day of the newest note that said so, or asked for it after all
) STRICT;
CREATE INDEX bundles_out_letter ON bundles_out (letter);

CREATE TABLE handed (           -- parcels of ours on a road: written before the parcel is, so own names are known
    carrier INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    bond    INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    bundle  BLOB,                      -- NULL for a note
    refs    BLOB,                      -- the symbols in it: group u32, index u8, repeated
    profile TEXT NOT NULL,
    at      INTEGER NOT NULL,
    put     INTEGER NOT NULL DEFAULT 0,
    until   INTEGER,                   -- the carrier's promise to hold, if it gives one
    want    BLOB,                      -- digest of the want it answers: the same is not answered twice while it lies there
    PRIMARY KEY (carrier, name)
) STRICT;
CREATE INDEX handed_bundle ON handed (bundle, carrier);

CREATE TABLE bundles_in (       -- what is gathered, and what was gathered before
    hash     BLOB NOT NULL,
    bond     INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    kind     INTEGER NOT NULL,
    length   INTEGER NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('gathering', 'whole', 'spent', 'refused')),
    held     INTEGER NOT NULL DEFAULT 0,  -- for an enclosure: how many symbols of it are here, as `tallies` says
    file     TEXT,                     -- for an enclosure: its file under enclosures/
    letter   BLOB,                     -- for a spent letter bundle: the letter
    first_at INTEGER NOT NULL,
    asked    INTEGER NOT NULL DEFAULT 0,  -- what it lacks was said since its last new symbol
    had_at   INTEGER,                  -- of a whole enclosure: when that was last said again; of one being gathered: last asked for
    PRIMARY KEY (bond, hash)
) STRICT;
CREATE INDEX bundles_in_standing ON bundles_in (standing, first_at);  -- nearly all are spent, and never looked for

CREATE TABLE tallies (          -- which symbols are in the file of an enclosure: a row for each group of which some are
    bond   INTEGER NOT NULL,
    bundle BLOB NOT NULL,
    grp    INTEGER NOT NULL,
    bits   BLOB NOT NULL,              -- 32 bytes; index i is bit i % 8 of byte i // 8
    PRIMARY KEY (bond, bundle, grp)
) STRICT, WITHOUT ROWID;

CREATE TABLE symbols_in (       -- symbols of letters and pairing messages, until the bundle is whole
    bond   INTEGER NOT NULL,
    bundle BLOB NOT NULL,
    grp    INTEGER NOT NULL,
    idx    INTEGER NOT NULL,
    data   BLOB NOT NULL,
    PRIMARY KEY (bond, bundle, grp, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes_due (        -- one row per thing to say and road to say it on
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    bond    INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    carrier INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    what    TEXT NOT NULL CHECK (what IN ('receipt', 'want', 'have', 'expired', 'recall', 'answer')),
    subject BLOB NOT NULL,             -- letter id, bundle hash or pid
    detail  BLOB NOT NULL DEFAULT x'', -- kind and proof, groups, or the answer
    visit   INTEGER NOT NULL,          -- said only on a visit after this one
    due_at  INTEGER NOT NULL DEFAULT 0,  -- and not before this instant
    UNIQUE (bond, carrier, what, subject, detail)
) STRICT;

CREATE TABLE events (           -- the way of a letter, for `track`
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    letter INTEGER NOT NULL,  -- letters.seq
    at     INTEGER NOT NULL,
    what   TEXT NOT NULL,
    road   TEXT,
    until  INTEGER
) STRICT;
CREATE INDEX events_letter ON events (letter);

CREATE TABLE poison (           -- recognised parcels that could not be taken in; retried a few times, then removed
    carrier INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    tries   INTEGER NOT NULL,
    PRIMARY KEY (carrier, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (       -- bundles that came whole and could not be opened, with the verdict
    bond    INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    hash    BLOB NOT NULL,
    verdict TEXT NOT NULL,             -- forged, damaged, key_expired, newer_version, malformed
    bundle  BLOB,                      -- kept where a later version may open it
    at      INTEGER NOT NULL,
    PRIMARY KEY (bond, hash)
) STRICT;
