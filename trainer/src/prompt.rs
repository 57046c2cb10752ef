//! From a conversation to the ids of its prompt, of its completion, and of the text that a reward model reads.

use anyhow::{Context, Result, bail};
use datasets::{Message, Task};
use policy::{ChatMessage, ChatTemplate, Policy, Tokenizer};

use crate::config::PromptSection;

/// End of a prompt whose chat template opens the thinking itself; completions then start inside it.
const OPENED_THINKING: &str = "<think>\n";

/// Text of a task's prompt: the template around its messages, with the section's text added.
///
/// # Errors
/// The template refuses the conversation.
pub(crate) fn prompt_text(policy: &Policy, task: &Task, section: &PromptSection) -> Result<String> {
    let suffix = section.suffix_of(&task.kind);
    render(&policy.chat_template, &task.messages, task.tools.as_ref(), section, suffix)
        .with_context(|| format!("task {}", task.id))
}

/// True where a prompt ends within the thinking, so that a completion begins in it.
pub(crate) fn opens_thinking(prompt: &str) -> bool {
    prompt.trim_end().ends_with(OPENED_THINKING.trim_end())
}

/// A task's conversation as its prompt has it: with the section's text added.
pub(crate) fn conversation(task: &Task, section: &PromptSection) -> Vec<Message> {
    let mut messages = task.messages.clone();
    let suffix = section.suffix_of(&task.kind);
    if let Some(last) = messages.iter_mut().rev().find(|message| message.role == "user") {
        last.content.push_str(suffix);
    }
    if !section.system.is_empty() {
        messages.insert(0, Message { role: "system".into(), content: section.system.clone() });
    }
    messages
}

/// Ids of a trace, and the number of ids of its prompt; the last message and the token that ends a turn follow it.
///
/// # Errors
/// The trace does not end with the assistant, or the template or tokenizer refuses it.
pub(crate) fn trace_ids(policy: &Policy, messages: &[Message], section: &PromptSection) -> Result<(Vec<u32>, usize)> {
    let Some((last, before)) = messages.split_last().filter(|(last, _)| last.role == "assistant") else {
        bail!("a trace ends with a message of the assistant");
    };
    let end = *policy.eos_ids.first().context("the model's config names no eos_token_id to end a trace with")?;
    let prompt = render(&policy.chat_template, before, None, section, "")?;
    let content = match prompt.ends_with(OPENED_THINKING) {
        true => last.content.strip_prefix(OPENED_THINKING).unwrap_or(&last.content),
        false => &last.content,
    };
    let mut ids = policy.tokenizer.encode(&prompt)?;
    let num_prompt = ids.len();
    ids.extend(policy.tokenizer.encode(content)?);
    ids.push(end);
    Ok((ids, num_prompt))
}

/// Ids of a conversation with its answer, as a reward model reads it.
///
/// # Errors
/// The template or tokenizer refuses it.
pub(crate) fn scored_ids(
    template: &ChatTemplate,
    tokenizer: &Tokenizer,
    messages: &[Message],
    answer: &str,
    section: &PromptSection,
) -> Result<Vec<u32>> {
    let mut messages = messages.to_vec();
    messages.push(Message { role: "assistant".into(), content: answer.to_owned() });
    let text = template.render(&turns(&messages, section), None, false)?;
    Ok(tokenizer.encode(text.trim_end())?)
}

fn render(
    template: &ChatTemplate,
    messages: &[Message],
    tools: Option<&serde_json::Value>,
    section: &PromptSection,
    suffix: &str,
) -> Result<String> {
    let mut messages = messages.to_vec();
    if let Some(last) = messages.iter_mut().rev().find(|message| message.role == "user") {
        last.content.push_str(suffix);
    }
    Ok(template.render(&turns(&messages, section), tools, true)?)
}

fn turns<'a>(messages: &'a [Message], section: &'a PromptSection) -> Vec<ChatMessage<'a>> {
    let system = (!section.system.is_empty()).then_some(ChatMessage { role: "system", content: &section.system });
    let messages = messages.iter().map(|message| ChatMessage { role: &message.role, content: &message.content });
    system.into_iter().chain(messages).collect()
}
