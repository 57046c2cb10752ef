//! One task's part in pass@1, by which two evaluations are compared task by task.

use serde::{Deserialize, Serialize};

/// One task's part in pass@1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "TaskEntry")]
pub struct TaskResult {
    /// The task's id.
    pub task_id: String,
    /// Share of the task's judged samples that pass, 0..=1.
    #[serde(rename = "pass@1")]
    pub pass_at_1: f64,
    /// Number of judged samples, at least one.
    pub num_samples: usize,
    /// Number of judged samples that pass.
    pub num_passed: usize,
}

/// An entry of a file; those of versions without `num_passed` follow it by the share.
#[derive(Deserialize)]
struct TaskEntry {
    task_id: String,
    #[serde(rename = "pass@1")]
    pass_at_1: f64,
    num_samples: usize,
    num_passed: Option<usize>,
}

impl From<TaskEntry> for TaskResult {
    fn from(entry: TaskEntry) -> Self {
        let TaskEntry { task_id, pass_at_1, num_samples, num_passed } = entry;
        let num_passed = num_passed.unwrap_or_else(|| (pass_at_1 * num_samples as f64).round() as usize);
        Self { task_id, pass_at_1, num_samples, num_passed }
    }
}

impl TaskResult {
    /// The result of a task of whose `num_samples` judged samples, at least one, `num_passed` pass.
    pub fn new(task_id: impl Into<String>, num_passed: usize, num_samples: usize) -> Self {
        let pass_at_1 = num_passed as f64 / num_samples as f64;
        Self { task_id: task_id.into(), pass_at_1, num_samples, num_passed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_older_files_get_their_counts_back() {
        let text = r#"{"task_id": "a", "pass@1": 0.3333333333333333, "num_samples": 3}"#;
        assert_eq!(serde_json::from_str::<TaskResult>(text).unwrap(), TaskResult::new("a", 1, 3));
        let json = serde_json::to_string(&TaskResult::new("a", 2, 3)).unwrap();
        assert!(json.contains("\"pass@1\":0.66") && json.contains("\"num_passed\":2"), "{json}");
        assert_eq!(serde_json::from_str::<TaskResult>(&json).unwrap(), TaskResult::new("a", 2, 3));
    }
}
