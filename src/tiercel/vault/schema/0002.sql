-- Version 2: several roads with an order, waiting that has an instant, receipts by choice, copies that were put back.

ALTER TABLE bond_carriers ADD COLUMN place INTEGER NOT NULL DEFAULT 0;       -- the order a person gave; smaller is first
ALTER TABLE bond_carriers ADD COLUMN after_days INTEGER NOT NULL DEFAULT 0;  -- used for a letter once it waited so long

ALTER TABLE bonds ADD COLUMN receipts INTEGER NOT NULL DEFAULT 1;            -- whether arrivals are acknowledged
ALTER TABLE bonds ADD COLUMN read_receipts INTEGER NOT NULL DEFAULT 0;       -- whether reading is told unless said otherwise
ALTER TABLE bonds ADD COLUMN receipt_delay_h INTEGER NOT NULL DEFAULT 0;     -- receipts wait a random part of so many hours
ALTER TABLE bonds ADD COLUMN their_reads INTEGER NOT NULL DEFAULT 1;         -- newest letter record the other side reads
ALTER TABLE bonds ADD COLUMN doubted_at INTEGER;  -- when they said that a copy was put back; held until a person confirms

ALTER TABLE letters ADD COLUMN incarnation BLOB;  -- in: of the vault that wrote it; numbers count within one
ALTER TABLE letters ADD COLUMN accepted_at INTEGER;  -- out: when it was sent; later roads count their days from here

ALTER TABLE prekeys_ours ADD COLUMN copied INTEGER NOT NULL DEFAULT 0;  -- it was in a copy that was put back: see vault.prekeys

CREATE INDEX letters_deadline ON letters (deadline_day)
    WHERE direction = 'out' AND deadline_day IS NOT NULL AND state IN ('accepted', 'sealed', 'handed over');
CREATE INDEX letters_number ON letters (bond, direction, number);
CREATE INDEX letters_acknowledged ON letters (bond, number) WHERE direction = 'out' AND arrived_at IS NOT NULL;

CREATE TABLE incarnations (     -- the vaults that wrote under a bond on the other side, to notice a copy that goes on
    bond        INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    incarnation BLOB NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    standing    TEXT NOT NULL DEFAULT 'current' CHECK (standing IN ('current', 'left')),
    PRIMARY KEY (bond, incarnation)
) STRICT;

CREATE TABLE sendings (         -- a bundle under way on a road: when it is sent there again if no word came
    bundle  BLOB NOT NULL REFERENCES bundles_out (hash) ON DELETE CASCADE,
    carrier INTEGER NOT NULL REFERENCES carriers (id) ON DELETE CASCADE,
    bond    INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    passes  INTEGER NOT NULL DEFAULT 0,   -- whole passes planned so far
    due_at  INTEGER NOT NULL DEFAULT 0,   -- the next pass; 0 at the next visit
    PRIMARY KEY (bundle, carrier)
) STRICT;
CREATE INDEX sendings_due ON sendings (carrier, due_at);

-- A seal to a last-resort key ages from the day of sealing: the key dies some time after a newer one came, unseen.
ALTER TABLE bundles_out ADD COLUMN sealed_day INTEGER;  -- of such a seal; NULL for all others
UPDATE bundles_out SET sealed_day = (SELECT written_at / 86400000 FROM letters WHERE seq = letter)
    WHERE kind = 1 AND made_day IS NULL AND letter IN (SELECT seq FROM letters WHERE weaker = 1);
CREATE INDEX bundles_out_weaker ON bundles_out (bond, sealed_day) WHERE sealed_day IS NOT NULL;

ALTER TABLE handed ADD COLUMN over INTEGER NOT NULL DEFAULT 0;  -- what it is a part of is over: it comes off with the next visit
CREATE INDEX handed_over ON handed (carrier) WHERE over = 1;
CREATE INDEX handed_at ON handed (carrier, at);
CREATE INDEX handed_waiting ON handed (bundle, carrier) WHERE put = 0;
CREATE INDEX handed_notes ON handed (carrier) WHERE bundle IS NULL;
CREATE INDEX handed_pairing ON handed (carrier) WHERE bundle IS NOT NULL AND refs IS NULL;

-- What is under way is sent on every road of its bond, and what is over comes off them, whoever writes bundles_out.
CREATE TRIGGER bundle_begun AFTER INSERT ON bundles_out BEGIN
    UPDATE handed SET over = 0 WHERE bundle = new.hash;
    INSERT OR IGNORE INTO sendings (bundle, carrier, bond)
        SELECT new.hash, carrier, new.bond FROM bond_carriers WHERE bond = new.bond;
END;
CREATE TRIGGER bundle_over AFTER DELETE ON bundles_out BEGIN
    UPDATE handed SET over = 1 WHERE bundle = old.hash;
END;
CREATE TRIGGER bundle_had AFTER UPDATE OF peer_has ON bundles_out WHEN new.peer_has = 1 AND old.peer_has = 0 BEGIN
    UPDATE handed SET over = 1 WHERE bundle = new.hash;
    DELETE FROM sendings WHERE bundle = new.hash;
END;
CREATE TRIGGER bundle_lacked AFTER UPDATE OF peer_has ON bundles_out WHEN new.peer_has = 0 AND old.peer_has = 1 BEGIN
    UPDATE handed SET over = 0 WHERE bundle = new.hash;
    INSERT OR IGNORE INTO sendings (bundle, carrier, bond)
        SELECT new.hash, carrier, new.bond FROM bond_carriers WHERE bond = new.bond;
END;

UPDATE bond_carriers SET place = carrier;  -- the order in which they were used so far
UPDATE letters SET accepted_at = written_at WHERE direction = 'out' AND state IN ('accepted', 'sealed', 'handed over');
UPDATE handed SET over = 1 WHERE bundle IS NOT NULL AND refs IS NOT NULL
    AND bundle NOT IN (SELECT hash FROM bundles_out WHERE peer_has = 0);
INSERT INTO sendings (bundle, carrier, bond, passes)
    SELECT hash, carrier, bond, EXISTS (SELECT 1 FROM handed WHERE bundle = hash AND handed.carrier = bond_carriers.carrier)
    FROM bundles_out JOIN bond_carriers USING (bond) WHERE peer_has = 0;

-- What is to be sealed: letters under way without a seal that lives, whoever writes letters and bundles_out.
CREATE TABLE sealings (
    letter INTEGER PRIMARY KEY,        -- letters.seq
    bond   INTEGER NOT NULL REFERENCES bonds (id) ON DELETE CASCADE,
    kind   INTEGER NOT NULL,           -- as letters.kind
    urgent INTEGER NOT NULL
) STRICT;
CREATE INDEX sealings_bond ON sealings (bond, urgent DESC, letter);
CREATE TRIGGER letter_begun AFTER INSERT ON letters WHEN new.direction = 'out' AND new.state = 'accepted' BEGIN
    INSERT OR IGNORE INTO sealings (letter, bond, kind, urgent) VALUES (new.seq, new.bond, new.kind, new.urgent);
END;
CREATE TRIGGER letter_to_seal AFTER UPDATE OF state, recall_at ON letters
    WHEN new.direction = 'out' AND new.state IN ('accepted', 'sealed', 'handed over') AND new.recall_at IS NULL
    AND NOT (old.state IN ('accepted', 'sealed', 'handed over') AND old.recall_at IS NULL) BEGIN
    INSERT OR IGNORE INTO sealings (letter, bond, kind, urgent) SELECT new.seq, new.bond, new.kind, new.urgent
        WHERE NOT EXISTS (SELECT 1 FROM bundles_out WHERE letter = new.seq AND kind = 1);
END;
CREATE TRIGGER letter_not_to_seal AFTER UPDATE OF state, recall_at ON letters
    WHEN new.direction = 'out'
    AND NOT (new.state IN ('accepted', 'sealed', 'handed over') AND new.recall_at IS NULL) BEGIN
    DELETE FROM sealings WHERE letter = new.seq;
END;
CREATE TRIGGER letter_gone AFTER DELETE ON letters BEGIN
    DELETE FROM sealings WHERE letter = old.seq;
END;
CREATE TRIGGER seal_made AFTER INSERT ON bundles_out WHEN new.kind = 1 BEGIN
    DELETE FROM sealings WHERE letter = new.letter;
END;
CREATE TRIGGER seal_gone AFTER DELETE ON bundles_out WHEN old.kind = 1 BEGIN
    INSERT OR IGNORE INTO sealings (letter, bond, kind, urgent) SELECT seq, bond, kind, urgent FROM letters
        WHERE seq = old.letter AND state IN ('accepted', 'sealed', 'handed over') AND recall_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM bundles_out WHERE letter = old.letter AND kind = 1);
END;
INSERT INTO sealings (letter, bond, kind, urgent) SELECT seq, bond, kind, urgent FROM letters
    WHERE direction = 'out' AND state IN ('accepted', 'sealed', 'handed over') AND recall_at IS NULL
    AND seq NOT IN (SELECT letter FROM bundles_out WHERE kind = 1);

CREATE INDEX bundles_out_aging ON bundles_out (bond, made_day) WHERE made_day IS NOT NULL;  -- seals that a road may outlive
CREATE INDEX bundles_out_pid ON bundles_out (pid) WHERE pid IS NOT NULL;                    -- seals to a key that is gone
CREATE INDEX letters_service ON letters (bond)                                              -- what brings keys, under way
    WHERE direction = 'out' AND kind <> 0 AND state IN ('accepted', 'sealed', 'handed over');

CREATE INDEX bundles_out_file ON bundles_out (letter) WHERE file IS NOT NULL;               -- enclosures under way
CREATE INDEX letters_burn_sent ON letters (bond)                                            -- text that retention may end
    WHERE direction = 'out' AND kind = 0 AND burnt_at IS NULL AND arrived_at IS NOT NULL
    AND state IN ('arrived', 'read', 'answered');
CREATE INDEX letters_burn_read ON letters (bond, read_at)
    WHERE direction = 'in' AND kind = 0 AND burnt_at IS NULL AND arrived_at IS NOT NULL AND read_at IS NOT NULL;

-- How many letters wait for a receipt: said after each visit, and counted by nobody.
CREATE TABLE tallied (what TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT;
INSERT INTO tallied (what, n) SELECT 'waiting', count(*) FROM letters
    WHERE direction = 'out' AND kind = 0 AND state IN ('accepted', 'sealed', 'handed over');
CREATE TRIGGER waiting_changed AFTER UPDATE OF state ON letters WHEN new.direction = 'out' AND new.kind = 0
    AND (new.state IN ('accepted', 'sealed', 'handed over')) <> (old.state IN ('accepted', 'sealed', 'handed over')) BEGIN
    UPDATE tallied SET n = n + (new.state IN ('accepted', 'sealed', 'handed over'))
        - (old.state IN ('accepted', 'sealed', 'handed over')) WHERE what = 'waiting';
END;
CREATE TRIGGER waiting_begun AFTER INSERT ON letters WHEN new.direction = 'out' AND new.kind = 0
    AND new.state IN ('accepted', 'sealed', 'handed over') BEGIN
    UPDATE tallied SET n = n + 1 WHERE what = 'waiting';
END;
CREATE TRIGGER waiting_gone AFTER DELETE ON letters WHEN old.direction = 'out' AND old.kind = 0
    AND old.state IN ('accepted', 'sealed', 'handed over') BEGIN
    UPDATE tallied SET n = n - 1 WHERE what = 'waiting';
END;

-- Keys of a kind, to choose, count and end them without reading the keys.
CREATE INDEX prekeys_ours_kind ON prekeys_ours (bond, kind, made_day, acked_at, superseded_at);
CREATE INDEX prekeys_theirs_kind ON prekeys_theirs (bond, kind, made_day);
-- What a step asks of a bundle, without the pages of its sealed bytes.
CREATE INDEX bundles_out_light ON bundles_out (hash, kind, bond, letter, length, made_day, next_index);
