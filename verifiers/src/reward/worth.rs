//! What a verdict that judged no answer is worth, and a verdict that is missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::VerdictKind;

/// Treatment of a completion that was not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Worth {
    /// The completion counts as a wrong answer.
    Wrong,
    /// The completion is left out of its group: no reward, no advantage, no part in the loss.
    Mask,
    /// The whole group is left out.
    DropGroup,
    /// The run ends with an error that names the task.
    Abort,
}

/// `[reward.worth]`: the worth of a completion by the kind of its verdict, or of the reason why it has none. None of
/// them is ever paid as correct, whatever is chosen, and each is counted (`verify/NAME/KIND` of the metrics).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorthByKind {
    /// The completion came to no answer.
    pub no_answer: Worth,
    /// The completion's answer cannot be read. Under `mask` a policy would not learn to write readable answers.
    pub unparsed: Worth,
    /// The verifier did not answer within its deadline.
    pub timed_out: Worth,
    /// The verifier failed, or answered with what is no verdict.
    pub crashed: Worth,
    /// A service that the verifier needs is away.
    pub unavailable: Worth,
    /// The verifier used up its memory or its instructions.
    pub over_budget: Worth,
    /// The task's ground truth is not what the verifier needs.
    pub task_unusable: Worth,
}

impl Default for WorthByKind {
    fn default() -> Self {
        Self {
            no_answer: Worth::Wrong,
            unparsed: Worth::Wrong,
            timed_out: Worth::DropGroup,
            crashed: Worth::DropGroup,
            unavailable: Worth::DropGroup,
            over_budget: Worth::DropGroup,
            task_unusable: Worth::DropGroup,
        }
    }
}

impl WorthByKind {
    /// The worth of a kind; `None` for those that judged an answer, whose scores stand, and where none applies.
    pub(super) fn of(&self, kind: VerdictKind) -> Option<Worth> {
        match kind {
            VerdictKind::Passed | VerdictKind::Failed | VerdictKind::Partial | VerdictKind::NotApplicable => None,
            VerdictKind::NoAnswer => Some(self.no_answer),
            VerdictKind::Unparsed => Some(self.unparsed),
            VerdictKind::TimedOut => Some(self.timed_out),
            VerdictKind::Crashed => Some(self.crashed),
            VerdictKind::Unavailable => Some(self.unavailable),
            VerdictKind::OverBudget => Some(self.over_budget),
            VerdictKind::TaskUnusable => Some(self.task_unusable),
        }
    }
}

/// `[reward.worth_of.NAME]`: the worth of the verdicts of the verifier NAME, by the verifier's own word for a kind or
/// by the kind; it goes before `[reward.worth]`.
pub type WorthByVerifier = BTreeMap<String, BTreeMap<String, Worth>>;
