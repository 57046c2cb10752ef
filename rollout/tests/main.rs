//! The engine's identities: what may not change a completion, and what must.

mod engine;
mod generate;
mod support;
