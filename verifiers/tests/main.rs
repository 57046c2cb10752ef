//! Tests of the verifiers on whole tasks.

mod instructions;
mod tool_calls;
