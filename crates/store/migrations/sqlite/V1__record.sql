-- The record on SQLite. What each table is for stands in crates/store/src/sqlite/mod.rs.
-- rid: positive = person << 24 | sequence within the person (so a person's resources are one range of the B-tree);
--      negative = a resource that belongs to no person.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE person (
    person   INTEGER PRIMARY KEY,
    patient  TEXT NOT NULL UNIQUE,
    next_seq INTEGER NOT NULL
);

CREATE TABLE origin (
    origin INTEGER PRIMARY KEY,
    fields TEXT NOT NULL UNIQUE
);

CREATE TABLE resource (
    rid     INTEGER PRIMARY KEY,
    type    INTEGER NOT NULL,
    id      BLOB NOT NULL,
    version INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    origin  INTEGER NOT NULL,
    audit   INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    body    BLOB             -- NULL: deleted
);

CREATE TABLE history (
    rid     INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    origin  INTEGER NOT NULL,
    audit   INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    body    BLOB,
    PRIMARY KEY (rid, version)
) WITHOUT ROWID;

CREATE TABLE resource_id (
    type INTEGER NOT NULL,
    id   BLOB NOT NULL,
    rid  INTEGER NOT NULL,
    PRIMARY KEY (type, id)
) WITHOUT ROWID;

CREATE TABLE ix (
    param INTEGER NOT NULL,
    key   BLOB NOT NULL,
    rid   INTEGER NOT NULL,
    PRIMARY KEY (param, key, rid)
) WITHOUT ROWID;

CREATE TABLE link (
    rid    INTEGER NOT NULL,
    kind   INTEGER NOT NULL,
    target TEXT NOT NULL,
    until  INTEGER NOT NULL, -- microseconds; i64::MAX = open
    PRIMARY KEY (rid, kind, target)
) WITHOUT ROWID;
CREATE INDEX link_target ON link (target, kind, rid);

CREATE TABLE occupancy (
    calendar TEXT NOT NULL,
    start    INTEGER NOT NULL,
    finish   INTEGER NOT NULL,
    holder   TEXT NOT NULL,
    until    INTEGER NOT NULL, -- microseconds; i64::MAX = firm
    made     INTEGER NOT NULL,
    PRIMARY KEY (calendar, start, holder),
    -- A day at most, so that the exclusion below looks at a bounded range.
    CHECK (finish > start AND finish - start <= 86400000000)
) WITHOUT ROWID;
CREATE INDEX occupancy_holder ON occupancy (holder);

-- Time on a calendar is given once.
CREATE TRIGGER occupancy_is_exclusive BEFORE INSERT ON occupancy
WHEN EXISTS (
    SELECT 1 FROM occupancy o
    WHERE o.calendar = NEW.calendar
      AND o.start > NEW.start - 86400000000
      AND o.start < NEW.finish
      AND o.finish > NEW.start
      AND o.until > NEW.made
)
BEGIN
    SELECT RAISE(ABORT, 'occupied');
END;

CREATE TABLE audit (
    seq    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    person TEXT,
    origin INTEGER NOT NULL,
    body   BLOB NOT NULL,
    hash   BLOB NOT NULL
);
CREATE INDEX audit_person ON audit (person, seq) WHERE person IS NOT NULL;

CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    topic    TEXT NOT NULL,
    key      TEXT NOT NULL,
    payload  TEXT NOT NULL,
    created  INTEGER NOT NULL,
    next_at  INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state    INTEGER NOT NULL DEFAULT 0 -- 0 waiting, 1 done, 2 dead
);
CREATE INDEX outbox_waiting ON outbox (topic, next_at, seq) WHERE state = 0;
CREATE UNIQUE INDEX outbox_key ON outbox (topic, key);

CREATE TABLE job (
    job      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    key      TEXT NOT NULL,
    payload  TEXT NOT NULL,
    run_at   INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX job_waiting ON job (kind, run_at, job) WHERE state = 0;
CREATE UNIQUE INDEX job_key ON job (kind, key);

CREATE TABLE once (
    key     TEXT PRIMARY KEY,
    digest  BLOB NOT NULL,
    receipt TEXT NOT NULL,
    at      INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE kv (
    space   TEXT NOT NULL,
    key     TEXT NOT NULL,
    value   BLOB NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (space, key)
) WITHOUT ROWID;
