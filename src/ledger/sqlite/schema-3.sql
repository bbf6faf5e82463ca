-- The ledger, version 3: how far the call of an intent has come, as JSON. None: it was begun by a program that did not record it.
ALTER TABLE tenantry_intents ADD COLUMN fate TEXT;
-- The names by which items of work orders are found, so that nobody reads them all to find one: references, those of earlier
-- revisions, and work orders, in lower case.
CREATE TABLE tenantry_work_names (
  name TEXT NOT NULL, item INTEGER NOT NULL REFERENCES tenantry_work (seq) ON DELETE CASCADE,
  PRIMARY KEY (name, item)
) STRICT, WITHOUT ROWID;
INSERT INTO tenantry_work_names (name, item)
  SELECT lower(json_extract(body, '$.reference')), seq FROM tenantry_work
  UNION SELECT lower(json_extract(body, '$.order')), seq FROM tenantry_work
  UNION SELECT lower(former.value), w.seq FROM tenantry_work w, json_each(w.body, '$.replaces') former;
