//! Hard days of an operator: it is killed while a deletion waits, a namespace or a definition goes under it, a backup comes back in part, it is frozen.

mod backup;
mod definitions;
mod desk;
mod frozen;
mod namespaces;
mod narrow;
mod waits;
