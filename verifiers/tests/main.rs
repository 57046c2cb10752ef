//! Tests of the verifiers on whole tasks.

mod instructions;
mod python;
mod tool_calls;
