//! Tests of the verifiers on whole tasks.

mod gold_answers;
mod granting_server;
mod http;
mod instructions;
mod python;
mod tool_calls;
