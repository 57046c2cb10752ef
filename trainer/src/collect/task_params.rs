//! Parameters of a task's requests, by whether it has tools to call.

use std::sync::Arc;

use datasets::Task;
use rollout::SamplingParams;

use crate::tools::ToolBox;

/// The same parameters for tasks with and without tools to call.
pub(super) struct TaskParams<'a> {
    plain: &'a Arc<SamplingParams>,
    calling: Arc<SamplingParams>,
    tools: Option<&'a ToolBox>,
}

impl<'a> TaskParams<'a> {
    pub(super) fn new(plain: &'a Arc<SamplingParams>, tools: Option<&'a ToolBox>) -> Self {
        Self { plain, calling: ToolBox::calling(plain), tools }
    }

    /// Those of a task: turns that call something are handed out where it was offered the tools.
    pub(super) fn of(&self, task: &Task) -> &Arc<SamplingParams> {
        if self.tools.is_some_and(|tools| tools.is_offered(task)) { &self.calling } else { self.plain }
    }
}
