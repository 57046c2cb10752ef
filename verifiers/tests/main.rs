//! Tests of the verifiers on whole tasks.

mod http;
mod instructions;
mod python;
mod tool_calls;
