-- Version 3: relays. Boxes of a bond on them, where the other side's are, and what a relay says of parcels.
ALTER TABLE carriers ADD COLUMN proxy TEXT;  -- HOST:PORT of a SOCKS5 proxy on the way to it; of a relay, place is its address
ALTER TABLE carriers ADD COLUMN rate INTEGER; -- bytes a second that may go over it, both ways together; NULL for no limit

ALTER TABLE bonds ADD COLUMN boxes_number INTEGER NOT NULL DEFAULT 0;  -- of the newest list of our boxes, in this incarnation
ALTER TABLE bonds ADD COLUMN drops_incarnation BLOB;                   -- of the vault that gave the list of theirs
ALTER TABLE bonds ADD COLUMN drops_number INTEGER NOT NULL DEFAULT 0;  -- of that list

ALTER TABLE letters ADD COLUMN boxes INTEGER;  -- out: the list of our boxes that its first seal carried
CREATE INDEX letters_boxes ON letters (bond, boxes) WHERE boxes IS NOT NULL;

ALTER TABLE handed ADD COLUMN collected INTEGER NOT NULL DEFAULT 0;  -- the road says that the other side took it

CREATE TABLE boxes (            -- ours, to read from
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    bond     INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    carrier  INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    pairing  INTEGER NOT NULL,              -- both sides have its keys, from the invitation
    keys     BLOB NOT NULL,                 -- drop, pick up, erase
    run      BLOB NOT NULL DEFAULT x'',     -- of the relay when it was made there last; empty if it never was
    made_at  INTEGER NOT NULL,
    number   INTEGER,                       -- the first list that names it; NULL until the relay said that it is there
    known_at INTEGER                        -- when a receipt said that the other side knows it
) STRICT;
CREATE INDEX boxes_bond ON boxes (bond, carrier, id);

CREATE TABLE drops (            -- theirs, to put into
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    bond    INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    carrier INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    pairing INTEGER NOT NULL,
    opening BLOB NOT NULL,                  -- id of the box and its drop key
    keys    BLOB,                           -- of pairing: all keys
    current INTEGER NOT NULL,               -- in their newest list
    UNIQUE (bond, carrier, opening)
) STRICT;
