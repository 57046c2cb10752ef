//! Tests of the verifiers on whole tasks.

mod granting_server;
mod instructions;
mod python;
mod tool_calls;
