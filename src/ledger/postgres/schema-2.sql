-- The ledger, version 2: work orders and what portals were seen to show. `waits`: its intent stays open. `follows`: it is done and calls follow,
-- so that it counts for as long as its intent is open.
CREATE TABLE tenantry_work (
  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  portal TEXT NOT NULL, tenant TEXT NOT NULL, intent TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
  given BIGINT NOT NULL, waits BOOLEAN NOT NULL, follows BOOLEAN NOT NULL, body TEXT NOT NULL,
  UNIQUE (portal, tenant, intent)
);
CREATE INDEX tenantry_work_waits ON tenantry_work (portal, tenant) WHERE waits OR follows;

CREATE TABLE tenantry_observed (
  portal TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, at BIGINT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (portal, tenant, name)
);
