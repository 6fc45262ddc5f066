-- The store of a relay on SQLite. spec/relay.md 7 says what may stand here and what may not.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,           -- schema_version, relay_ms, wall_ms, clean
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- number is random, so that it says nothing of the order in which boxes were made.
CREATE TABLE boxes (
  box BLOB PRIMARY KEY,
  number INTEGER NOT NULL UNIQUE,
  drop_hash BLOB NOT NULL,
  pick_up_hash BLOB NOT NULL,
  erase_hash BLOB NOT NULL,
  next_place INTEGER NOT NULL,
  used_bytes INTEGER NOT NULL,
  visited_day INTEGER NOT NULL    -- relay day on which somebody last picked up
) STRICT, WITHOUT ROWID;

-- Every id a box knows. place 0: the parcel was collected.
CREATE TABLE names (
  number INTEGER NOT NULL,
  id BLOB NOT NULL,
  place INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  ends_day INTEGER NOT NULL,      -- relay day on which the promise ends
  PRIMARY KEY (number, id)
) STRICT, WITHOUT ROWID;

-- spot = number * 2^36 + place: a box lies together, in the order in which its parcels were stored.
CREATE TABLE parcels (
  spot INTEGER PRIMARY KEY,
  id BLOB NOT NULL,
  sum BLOB NOT NULL,              -- SHA-256 of body
  body BLOB NOT NULL
) STRICT;

-- Boxes that were closed, until all that was in them is gone.
CREATE TABLE closing (
  number INTEGER PRIMARY KEY,
  used_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  hash BLOB PRIMARY KEY,
  boxes INTEGER NOT NULL,         -- still to be made
  ends_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
