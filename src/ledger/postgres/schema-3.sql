-- The ledger, version 3: how far the call of an intent has come, as JSON. None: it was begun by a program that did not record it.
ALTER TABLE tenantry_intents ADD COLUMN fate TEXT;
-- The names by which items of work orders are found, so that nobody reads them all to find one: references, those of earlier
-- revisions, and work orders, in lower case. Their order is that of their bytes: what begins with a text stands together.
CREATE TABLE tenantry_work_names (
  name TEXT COLLATE "C" NOT NULL, item BIGINT NOT NULL REFERENCES tenantry_work (seq) ON DELETE CASCADE,
  PRIMARY KEY (name, item)
);
INSERT INTO tenantry_work_names (name, item)
  SELECT lower(body::json ->> 'reference'), seq FROM tenantry_work
  UNION SELECT lower(body::json ->> 'order'), seq FROM tenantry_work
  UNION SELECT lower(former.value), w.seq FROM tenantry_work w, json_array_elements_text(COALESCE(w.body::json -> 'replaces', '[]')) former;
