//! The engine's identities: what may not change a completion, and what must.

mod bf16;
mod engine;
mod generate;
mod support;
