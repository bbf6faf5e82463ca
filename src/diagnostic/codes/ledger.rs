//! `L…`: the ledger.

codes! {
    LOCKED = "L001", "Another run has locked a tenant", "wait for it, or ask who holds the lock";
    LOCK_LOST = "L002", "The run's lock is gone", "run it again: it takes up what was begun";
    TOO_NEW = "L003", "The ledger is of a newer version than the program", "use the program's newest version";
    DENIED = "L004", "No access to the ledger", "check who may read and write it";
    UNAVAILABLE = "L005", "The ledger cannot be reached or is damaged", "check that it is there and whole; docs/ledger.md says how to restore it";
    CONFLICT = "L006", "A write contradicts the ledger", "look at what the ledger has with `tenantry ledger`";
    LOCATION = "L007", "The ledger's location cannot be used", "give the path of a file or a postgres:// URL";
    MAC_KEY = "L008", "The key of the secrets' MACs is missing or cannot be read", "restore the key from a backup; docs/ledger.md says what it is for";
}
