//! `[rollout.tools]`: tools that completions may call.

use anyhow::Result;
use sandbox_api::Limits;
use serde::{Deserialize, Serialize};

use crate::failure::Usage;

/// `[rollout.tools]`: tools that a completion may call where its task brings none of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ToolsSection {
    /// True where completions may call `python`, a program that the code execution service runs.
    pub python: bool,
    /// Most calls of a rollout, those that cannot be read among them; a further one is told so.
    pub max_calls: usize,
    /// Longest time of a call, in seconds.
    pub call_seconds: f64,
    /// Longest result that the policy is shown, in tokens; a longer one is cut.
    pub max_result_tokens: usize,
    /// True where a sequence goes on as it was sampled though the chat template would rewrite what went before; false
    /// begins another sequence of the same rollout there.
    pub keep_history: bool,
    /// Number of decode steps between the end of a turn and the next turn's start, in which its calls must be answered:
    /// the engine waits for later ones. Fixed, so that a run can be repeated bit for bit.
    pub lag: u64,
}

impl Default for ToolsSection {
    fn default() -> Self {
        Self { python: false, max_calls: 8, call_seconds: 10.0, max_result_tokens: 1024, keep_history: false, lag: 8 }
    }
}

impl ToolsSection {
    /// Checks the limits, those of a program against the most that a server allows.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self, most: Option<&Limits>) -> Result<()> {
        let refuse = |key: &str, problem: &str| Err(Usage::error(format!("rollout.tools.{key}: {problem}")));
        if self.max_calls == 0 {
            return refuse("max_calls", "must be at least 1; python = false is for none");
        }
        if self.max_result_tokens == 0 {
            return refuse("max_result_tokens", "must be at least 1");
        }
        if !(self.call_seconds > 0.0 && self.call_seconds <= 3600.0) {
            return refuse("call_seconds", "must be above 0 and at most 3600");
        }
        match most {
            Some(most) if self.python && self.call_seconds > most.wall_seconds.min(most.cpu_seconds) => {
                refuse("call_seconds", "is more than sandbox.server.max_limits grant a program; lower it or raise them")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_be_used_are_named() {
        let most = Limits::default();
        let section = |text: &str| toml::from_str::<ToolsSection>(text).unwrap().validate(Some(&most));
        assert!(section("python = true\nkeep_history = true").is_ok());
        for (text, key) in [
            ("max_calls = 0", "rollout.tools.max_calls"),
            ("max_result_tokens = 0", "rollout.tools.max_result_tokens"),
            ("call_seconds = 0.0", "rollout.tools.call_seconds"),
            ("call_seconds = nan", "rollout.tools.call_seconds"),
            ("python = true\ncall_seconds = 11.0", "rollout.tools.call_seconds"),
        ] {
            let error = section(text).unwrap_err();
            assert!(error.to_string().starts_with(key), "{error}");
            assert_eq!(crate::failure::exit_code(&error), 2);
        }
        assert!(section("call_seconds = 11.0").is_ok(), "no program runs");
    }
}
