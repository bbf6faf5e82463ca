//! `P…`: portals and profiles.

codes! {}
