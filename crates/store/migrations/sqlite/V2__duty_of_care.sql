-- The audit trail by who acted: `origin` says who, in what role, through which system.
CREATE INDEX audit_origin ON audit (origin, seq);

-- One key for each person's attachments (person 0: attachments that belong to nobody), wrapped by a master key that is not
-- in the database. Taking a row away makes what it sealed unreadable for good.
CREATE TABLE data_key (
    key     INTEGER PRIMARY KEY AUTOINCREMENT,
    person  INTEGER NOT NULL UNIQUE,
    master  TEXT NOT NULL,
    wrapped BLOB NOT NULL
);

-- What was erased by law or by the retention schedule: versions up to this one have no body any more. Their hashes stay, so
-- that the audit entries that speak for them still hold; `audit` is the entry of the erasure.
CREATE TABLE erased (
    rid     INTEGER PRIMARY KEY,
    version INTEGER NOT NULL,
    audit   INTEGER NOT NULL
);
