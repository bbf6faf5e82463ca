//! The HTTP transport, against servers that answer by a script: what leaves this machine, where to, how often, and what answers mean.

mod address;
mod answers;
mod auth;
mod faults;
mod kit;
mod paging;
mod redirects;
mod throttle;
mod way;
