//! Tests of the verifiers on whole tasks.

mod http;
mod instructions;
mod tool_calls;
