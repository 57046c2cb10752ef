//! The tools of a run, with the limits of their calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use datasets::{Message, Task, TaskKind};
use policy::Texts;
use rollout::SamplingParams;
use sandbox_api::Client;
use serde_json::Value;

use super::python::PythonTool;
use super::tool::Tool;
use super::turn_prompt::{EndedText, next_prompt};
use crate::config::{PromptSection, ToolsSection};
use crate::prompt::{PromptFormat, Question};

/// Texts of a turn that calls something, or means to.
const TURN_MARKS: [&str; 2] = ["<tool_call>", "</tool_call>"];

/// Longest time that a call waits beside its own seconds, for a tool that others call too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tools that completions may call where their task brings none of its own.
#[derive(Debug)]
pub(crate) struct ToolBox {
    tools: Vec<Arc<dyn Tool>>,
    section: ToolsSection,
    texts: Arc<Texts>,
    prompt: PromptSection,
    patience: Duration,
}

impl ToolBox {
    /// The tools of a section over these servers; `None` where it has none.
    ///
    /// # Errors
    /// As [`ToolBox::new`].
    pub(crate) fn of_section(
        section: &ToolsSection,
        servers: &Client,
        texts: &Arc<Texts>,
        prompt: &PromptSection,
    ) -> Result<Option<Self>> {
        let python = || Arc::new(PythonTool::new(servers.clone(), section)) as Arc<dyn Tool>;
        let tools: Vec<Arc<dyn Tool>> = section.python.then(python).into_iter().collect();
        let has_tools = !tools.is_empty();
        has_tools.then(|| Self::new(tools, section.clone(), texts.clone(), prompt.clone())).transpose()
    }

    /// Function descriptions of the tools of a section.
    pub(crate) fn descriptions_of(section: &ToolsSection) -> Value {
        section.python.then(PythonTool::function).into_iter().collect()
    }

    /// These tools, for conversations of a policy with these texts. Of the section what the chat template is told is
    /// used: its words stand in the conversations.
    ///
    /// # Errors
    /// The chat template takes no results of tools, or nothing stands behind them.
    pub(crate) fn new(
        tools: Vec<Arc<dyn Tool>>,
        section: ToolsSection,
        texts: Arc<Texts>,
        prompt: PromptSection,
    ) -> Result<Self> {
        let prompt = prompt.without_words();
        let tool_box = Self { tools, section, texts, prompt, patience: PATIENCE };
        tool_box.check_template().context("the chat template takes no results of tools")?;
        Ok(tool_box)
    }

    /// The same where a call waits so long beside its own seconds.
    #[cfg(test)]
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn check_template(&self) -> Result<()> {
        let messages = [Message::user("1 + 1?")];
        let tools = self.descriptions();
        let question = Question { kind: Some(&TaskKind::MATH), messages: &messages, tools: Some(&tools) };
        let format = self.format()?;
        let prompt = format.prompt(question)?;
        let stop_text = self.texts.turn_end.as_ref().map_or("", |end| end.text.as_str());
        let ended = EndedText {
            before: &prompt.text,
            turn: "<tool_call>\n{\"name\": \"none\"}\n</tool_call>",
            stop: stop_text,
            keeps_history: self.section.keep_history,
        };
        next_prompt(&format, question, &[], &ended, &[Message::new("tool", "2")]).map(|_| ())
    }

    /// Sampling of completions whose turns that call a tool are handed out.
    pub(crate) fn calling(params: &SamplingParams) -> Arc<SamplingParams> {
        Arc::new(SamplingParams { turn_marks: TURN_MARKS.map(str::to_owned).to_vec(), ..params.clone() })
    }

    /// Function descriptions of all tools.
    pub(crate) fn descriptions(&self) -> Value {
        self.tools.iter().map(|tool| tool.description()).collect()
    }

    /// Gives a task the tools, unless it has its own.
    pub(crate) fn offer(&self, task: &mut Task) {
        task.tools.get_or_insert_with(|| self.descriptions());
    }

    /// Decode steps between the end of a turn and the next.
    pub(crate) fn turn_lag(&self) -> u64 {
        self.section.lag
    }

    /// True where a task has these tools.
    pub(crate) fn is_offered(&self, task: &Task) -> bool {
        task.tools.as_ref().is_some_and(|tools| *tools == self.descriptions())
    }

    pub(super) fn tool(&self, name: &str) -> Option<&dyn Tool> {
        self.tools.iter().find(|tool| tool.name() == name).map(Arc::as_ref)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.tools.iter().map(|tool| tool.name()).collect()
    }

    pub(super) fn section(&self) -> &ToolsSection {
        &self.section
    }

    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// The way from conversations to prompts.
    pub(super) fn format(&self) -> Result<PromptFormat<'_>> {
        PromptFormat::of_texts(&self.texts, &self.prompt)
    }
}
