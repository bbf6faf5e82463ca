-- The ledger, version 1. Times are nanoseconds since 1970. Digests are packed (src/ledger/codec.rs).
CREATE TABLE tenantry_meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version BIGINT NOT NULL,
  installation TEXT NOT NULL CHECK (installation <> ''),
  serial BIGINT NOT NULL
);

-- One object that is ours. `owner` is null where it is this installation.
CREATE TABLE tenantry_objects (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  id TEXT, natural_key TEXT NOT NULL, owner TEXT CHECK (owner <> ''),
  adopted BOOLEAN NOT NULL, released BOOLEAN NOT NULL, protected BOOLEAN NOT NULL,
  applied BYTEA, secrets BYTEA,
  PRIMARY KEY (portal, tenant, kind, name)
);

CREATE TABLE tenantry_intents (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  portal TEXT NOT NULL, tenant TEXT NOT NULL, id TEXT NOT NULL,
  kind TEXT NOT NULL, name TEXT NOT NULL, natural_key TEXT NOT NULL,
  action TEXT NOT NULL, object TEXT, at BIGINT NOT NULL, plan TEXT NOT NULL, unknown BOOLEAN NOT NULL,
  UNIQUE (portal, tenant, id)
);

CREATE TABLE tenantry_attestations (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  at BIGINT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (portal, tenant, kind, name)
);

CREATE TABLE tenantry_tombstones (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  portal TEXT NOT NULL, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  id TEXT, at BIGINT NOT NULL
);
CREATE INDEX tenantry_tombstones_unit ON tenantry_tombstones (portal, tenant);

CREATE TABLE tenantry_audit (seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body TEXT NOT NULL);
CREATE FUNCTION tenantry_audit_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER tenantry_audit_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON tenantry_audit
  FOR EACH STATEMENT EXECUTE FUNCTION tenantry_audit_kept();

CREATE TABLE tenantry_locks (
  id TEXT PRIMARY KEY, who TEXT NOT NULL, operation TEXT NOT NULL, host TEXT NOT NULL, process BIGINT NOT NULL, started TEXT NOT NULL,
  since BIGINT NOT NULL, until BIGINT NOT NULL, last_commit TEXT
);
CREATE TABLE tenantry_lock_units (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, lock TEXT NOT NULL REFERENCES tenantry_locks (id) ON DELETE CASCADE,
  PRIMARY KEY (portal, tenant)
);
CREATE INDEX tenantry_lock_units_lock ON tenantry_lock_units (lock);
