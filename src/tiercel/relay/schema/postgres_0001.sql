-- The store of a relay on PostgreSQL. spec/relay.md 7 says what may stand here and what may not.
-- The id of the box comes first in every key, and no transaction takes two boxes, so boxes can be spread over machines.

CREATE TABLE meta (
  key text PRIMARY KEY,             -- schema_version
  value bigint NOT NULL
);

-- Of all relays on this database together. run: theirs as long as at least one of them lives (spec/relay.md 3).
CREATE TABLE clock (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  relay_ms bigint NOT NULL,
  wall_ms bigint NOT NULL,          -- at the last look; -1: nobody looked yet
  run bytea NOT NULL
);
INSERT INTO clock VALUES (true, 0, -1, '');

-- What boxes take, and what relays were lent to give to boxes; counted anew every relay day.
CREATE TABLE room (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  taken_bytes bigint NOT NULL
);
INSERT INTO room VALUES (true, 0);

-- life is random, and another where a box that was closed is made again.
-- What a box uses is kept by the day on which it ends, so that what ended counts no more without being looked at.
CREATE TABLE boxes (
  box bytea PRIMARY KEY,
  life bigint NOT NULL,
  drop_hash bytea NOT NULL,
  pick_up_hash bytea NOT NULL,
  erase_hash bytea NOT NULL,
  next_place bigint NOT NULL,
  ends int[] NOT NULL,
  uses bigint[] NOT NULL,
  visited_day int NOT NULL          -- relay day on which somebody last picked up
) WITH (fillfactor = 80);

CREATE FUNCTION live_bytes(ends int[], uses bigint[], day bigint) RETURNS bigint
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN (SELECT coalesce(sum(used), 0)::bigint FROM unnest(ends, uses) AS each (ends_day, used) WHERE ends_day > day);

-- Every id a box knows. place 0: the parcel was collected, and digest and body are empty.
CREATE TABLE parcels (
  box bytea NOT NULL,
  life bigint NOT NULL,
  id bytea NOT NULL,
  place bigint NOT NULL,
  size_bytes int NOT NULL,
  ends_day int NOT NULL,            -- relay day on which the promise ends
  digest bytea NOT NULL,            -- SHA-256 of body
  body bytea NOT NULL,
  PRIMARY KEY (box, life, id, ends_day)
) PARTITION BY RANGE (ends_day);
CREATE INDEX parcels_in_order ON parcels (box, life, place) WHERE place > 0;
-- Sealed bytes do not get smaller.
ALTER TABLE parcels ALTER COLUMN body SET STORAGE EXTERNAL;

-- Boxes that were closed, until all that was in them is gone.
CREATE TABLE closing (
  box bytea NOT NULL,
  life bigint NOT NULL,
  used_bytes bigint NOT NULL,
  PRIMARY KEY (box, life)
);

CREATE TABLE tokens (
  hash bytea PRIMARY KEY,
  boxes bigint NOT NULL,            -- still to be made
  ends_day int NOT NULL
);
