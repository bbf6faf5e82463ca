-- The ledger, version 1. Times are nanoseconds since 1970. Digests are packed (src/ledger/codec.rs).
CREATE TABLE tenantry_meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  installation TEXT NOT NULL CHECK (installation <> ''),
  serial INTEGER NOT NULL
) STRICT;

-- One object that is ours. `owner` is null where it is this installation.
CREATE TABLE tenantry_objects (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  id TEXT, natural_key TEXT NOT NULL, owner TEXT CHECK (owner <> ''),
  adopted INTEGER NOT NULL, released INTEGER NOT NULL, protected INTEGER NOT NULL,
  applied BLOB, secrets BLOB,
  PRIMARY KEY (portal, tenant, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenantry_intents (
  seq INTEGER PRIMARY KEY,
  portal TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
  kind TEXT NOT NULL, name TEXT NOT NULL, natural_key TEXT NOT NULL,
  action TEXT NOT NULL, object TEXT, at INTEGER NOT NULL, plan TEXT NOT NULL, unknown INTEGER NOT NULL,
  UNIQUE (portal, tenant, id)
) STRICT;

CREATE TABLE tenantry_attestations (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (portal, tenant, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE tenantry_tombstones (
  seq INTEGER PRIMARY KEY,
  portal TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  id TEXT, at INTEGER NOT NULL
) STRICT;
CREATE INDEX tenantry_tombstones_unit ON tenantry_tombstones (portal, tenant);

CREATE TABLE tenantry_audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL) STRICT;
CREATE TRIGGER tenantry_audit_kept BEFORE UPDATE ON tenantry_audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER tenantry_audit_kept_whole BEFORE DELETE ON tenantry_audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TABLE tenantry_locks (
  id TEXT PRIMARY KEY, who TEXT NOT NULL, operation TEXT NOT NULL, host TEXT NOT NULL, process INTEGER NOT NULL, started TEXT NOT NULL,
  since INTEGER NOT NULL, until INTEGER NOT NULL, last_commit TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE tenantry_lock_units (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, lock TEXT NOT NULL REFERENCES tenantry_locks (id) ON DELETE CASCADE,
  PRIMARY KEY (portal, tenant)
) STRICT, WITHOUT ROWID;
CREATE INDEX tenantry_lock_units_lock ON tenantry_lock_units (lock);
