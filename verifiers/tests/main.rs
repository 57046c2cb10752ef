//! Tests of the verifiers on whole tasks.

mod gold_answers;
mod granting_server;
mod http;
mod instructions;
mod python;
mod time_outs;
mod tool_calls;
