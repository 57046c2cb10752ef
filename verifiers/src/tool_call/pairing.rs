//! Expected calls and those that were made, paired off. It must not know how a call is written.

use super::compare::compare_call;
use super::expected::ExpectedCall;
use super::matching::perfect_matching;
use super::parsing::ToolCall;
use super::tools::Tools;
use crate::Verdict;

/// Pairs off the expected calls and those that were made, of which there are as many.
pub(super) fn match_calls(expected: &[ExpectedCall], calls: &[ToolCall], tools: Option<&Tools<'_>>) -> Verdict {
    let compare = |expected: &ExpectedCall, call: &ToolCall| {
        compare_call(expected, call, tools.and_then(|tools| tools.parameters(&expected.name)))
    };
    let fits: Vec<Vec<bool>> =
        expected.iter().map(|expected| calls.iter().map(|call| compare(expected, call).is_ok()).collect()).collect();
    let Err(unmatched) = perfect_matching(&fits) else {
        return Verdict::pass(match expected.len() {
            0 => "no call, as expected".to_owned(),
            count => format!("{count} calls as expected"),
        });
    };
    let unmatched = &expected[unmatched];
    let mismatch =
        calls.iter().filter(|call| call.name == unmatched.name).find_map(|call| compare(unmatched, call).err());
    let is_called = calls.iter().any(|call| call.name == unmatched.name);
    Verdict::fail(match mismatch {
        Some(mismatch) => mismatch,
        None if is_called => format!("a call of `{}` is expected more often than it is made", unmatched.name),
        None => format!("no call of `{}`", unmatched.name),
    })
}
