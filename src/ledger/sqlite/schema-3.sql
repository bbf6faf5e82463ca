-- The ledger, version 3: how far the call of an intent has come, as JSON. None: it was begun by a program that did not record it.
ALTER TABLE tenantry_intents ADD COLUMN fate TEXT;
