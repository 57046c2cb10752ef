//! Tests of the verifiers on whole tasks.

mod tool_calls;
