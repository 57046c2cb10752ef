//! Scores of the general reward model, for tasks whose outcome no rule checks.

use anyhow::{Result, bail};

use super::collector::Collector;
use super::open_group::OpenGroup;
use crate::config::PromptSection;
use crate::prompt::PromptFormat;
use crate::worker::{ModelCommand, ModelEvent};

impl Collector {
    /// Scores of a group's completions; `None` without a reward model and for tasks that it does not score. It sees
    /// the answer, not the thinking.
    pub(super) async fn scores(&self, group: &OpenGroup, section: &PromptSection) -> Result<Option<Vec<f32>>> {
        let Some(texts) = self.scorer_texts.as_ref().filter(|_| self.judge.is_scored(&group.asked.task)) else {
            return Ok(None);
        };
        let format = PromptFormat::of_texts(texts, section)?;
        let sequences = group
            .judged
            .iter()
            .map(|one| format.answered_ids(one.judged.task.as_ref().into(), one.judged.answer().trim()))
            .collect::<Result<Vec<_>>>()?;
        match self.worker.ask(ModelCommand::Score { sequences }).await? {
            ModelEvent::Scored(scores) => Ok(Some(scores)),
            other => bail!("the model's thread answered {other:?} to a request for scores"),
        }
    }
}
