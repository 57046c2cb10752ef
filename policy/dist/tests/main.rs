//! The crate seen from outside: pure parts by themselves, and real processes over loopback.

mod collectives;
mod cuda;
mod environment;
mod failures;
mod fake;
mod graph;
mod handshake;
mod launch;
mod layout;
mod mesh;
mod ranks;
mod role;
mod says;
mod standing;
mod store;
