//! The engine's identities: what may not change a completion, and what must.

mod bf16;
mod engine;
mod exact;
mod generate;
mod parameters;
#[path = "../../policy/dist/tests/ranks.rs"]
mod ranks;
mod role;
mod shares;
mod support;
mod thinking;
mod turns;
mod versions;
