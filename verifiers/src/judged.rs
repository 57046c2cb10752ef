//! All that a verifier sees of one completion. It must not know what is made of the verdict.

use std::borrow::Cow;
use std::sync::Arc;

use datasets::{Message, Task};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::tool_call::{ToolCall, parse_tool_calls};
use crate::{CompletionParts, split_thinking};

/// A completion with its task and the conversation that it answers. Clones share the texts.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The task.
    pub task: Arc<Task>,
    /// Place of the verifier that is asked among those of the task.
    pub verifier_index: usize,
    /// The conversation as it was rendered into the prompt: with the system turn and the suffix of the run.
    pub conversation: Arc<[Message]>,
    /// The completion as it was sampled, thinking included.
    pub completion: Arc<str>,
    /// True where the prompt ended within the thinking, so that the completion begins in it.
    pub thinking_open: bool,
    /// Why the completion ended: `stop`, `stop_string`, `length` or `repetition`.
    pub finish_reason: Cow<'static, str>,
    /// Number of tokens of the prompt; 0 where they were not counted.
    pub num_prompt_tokens: usize,
    /// Number of tokens of the completion; 0 where they were not counted.
    pub num_completion_tokens: usize,
}

/// One turn of the assistant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Turn {
    /// What it said, thinking removed.
    pub content: String,
    /// The tools that it called.
    pub tool_calls: Vec<ToolCall>,
    /// What the tools answered, in the order of the calls.
    pub tool_results: Vec<String>,
}

impl Turn {
    fn of_text(text: &str) -> Self {
        let tool_calls = parse_tool_calls(text).unwrap_or_default();
        Self { content: text.trim().to_owned(), tool_calls, tool_results: Vec::new() }
    }

    /// A turn of a conversation, whose calls stand in a field of their own or in its text.
    fn of_message(message: &Message) -> Self {
        let turn = Self::of_text(split_thinking(&message.content, false).answer.unwrap_or_default());
        let calls = message.field("tool_calls").and_then(Value::as_array);
        let call = |call: &Value| {
            let function = call.get("function").unwrap_or(call);
            let arguments = match function.get("arguments")? {
                Value::String(text) => serde_json::from_str(text).ok()?,
                Value::Object(arguments) => arguments.clone(),
                _ => return None,
            };
            Some(ToolCall { name: function.get("name")?.as_str()?.to_owned(), arguments })
        };
        match calls {
            Some(calls) => Self { tool_calls: calls.iter().filter_map(call).collect(), ..turn },
            None => turn,
        }
    }
}

impl Judged {
    /// A completion that ended by itself, judged by the task's first verifier; tokens are not counted.
    pub fn new(task: impl Into<Arc<Task>>, completion: impl Into<Arc<str>>) -> Self {
        let task = task.into();
        let conversation = task.messages.as_slice().into();
        Self::answering(task, conversation, completion)
    }

    /// The same where another conversation was rendered than the task's messages.
    pub fn answering(task: Arc<Task>, conversation: Arc<[Message]>, completion: impl Into<Arc<str>>) -> Self {
        Self {
            task,
            verifier_index: 0,
            conversation,
            completion: completion.into(),
            thinking_open: false,
            finish_reason: Cow::Borrowed("stop"),
            num_prompt_tokens: 0,
            num_completion_tokens: 0,
        }
    }

    /// The data by which the verifier that is asked judges; null where the task names none.
    pub fn ground_truth(&self) -> &Value {
        self.task.verifiers.get(self.verifier_index).map_or(&Value::Null, |verifier| &verifier.ground_truth)
    }

    /// The thinking, where there is any.
    pub fn thinking(&self) -> Option<&str> {
        self.parts().thinking
    }

    /// The answer, which follows the thinking; empty where the completion came to none.
    pub fn answer(&self) -> &str {
        self.parts().answer.unwrap_or_default()
    }

    fn parts(&self) -> CompletionParts<'_> {
        split_thinking(&self.completion, self.thinking_open)
    }

    /// True where the length limit ended the completion.
    pub fn truncated(&self) -> bool {
        self.finish_reason == "length"
    }

    /// The last message of the user, without the run's suffix.
    pub fn question(&self) -> Option<&str> {
        let last = self.task.messages.iter().rev().find(|message| message.role == "user");
        last.map(|message| message.content.as_str())
    }

    /// The assistant's turns: those of the conversation, each with its calls and what the tools answered, then the
    /// completion. Calls that cannot be read are left out.
    pub fn turns(&self) -> Vec<Turn> {
        let mut turns: Vec<Turn> = Vec::new();
        for message in self.conversation.iter() {
            match message.role.as_str() {
                "assistant" => turns.push(Turn::of_message(message)),
                "tool" | "ipython" | "function" => {
                    if let Some(turn) = turns.last_mut() {
                        turn.tool_results.push(message.content.clone());
                    }
                }
                _ => {}
            }
        }
        turns.push(Turn::of_text(self.answer()));
        turns
    }
}

/// The layout that plug-ins read: the fields, the ground truth, thinking and answer apart, the turns, the metadata.
impl Serialize for Judged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Judged", 12)?;
        object.serialize_field("task", self.task.as_ref())?;
        object.serialize_field("conversation", &self.conversation[..])?;
        object.serialize_field("completion", &*self.completion)?;
        object.serialize_field("thinking", &self.thinking())?;
        object.serialize_field("answer", self.answer())?;
        object.serialize_field("thinking_open", &self.thinking_open)?;
        object.serialize_field("turns", &self.turns())?;
        object.serialize_field("finish_reason", &self.finish_reason)?;
        object.serialize_field("num_prompt_tokens", &self.num_prompt_tokens)?;
        object.serialize_field("num_completion_tokens", &self.num_completion_tokens)?;
        object.serialize_field("ground_truth", self.ground_truth())?;
        object.serialize_field("metadata", &self.task.meta)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use datasets::{TaskKind, TaskVerifier};
    use serde_json::json;

    use super::*;

    #[test]
    fn turns_have_their_calls_and_what_the_tools_answered() {
        let messages = json!([
            {"role": "user", "content": "How warm is it?"},
            {"role": "assistant", "content": "", "tool_calls": [
                {"type": "function", "function": {"name": "weather", "arguments": {"town": "Bern"}}},
            ]},
            {"role": "tool", "content": "17"},
        ]);
        let messages: Vec<Message> = serde_json::from_value(messages).unwrap();
        let task = Task::new("t", TaskKind::TOOL_CALL, messages, TaskVerifier::new("mine", ""));
        let call = "<tool_call>{\"name\": \"say\", \"arguments\": {\"text\": \"17\"}}</tool_call>";
        let turns = Judged::new(task, format!("<think>so</think>{call}")).turns();
        assert_eq!(turns.len(), 2);
        assert_eq!(
            (turns[0].tool_calls[0].name.as_str(), turns[0].tool_results.as_slice()),
            ("weather", ["17".into()].as_slice())
        );
        assert_eq!((turns[1].tool_calls[0].name.as_str(), turns[1].content.as_str()), ("say", call));
    }
}
