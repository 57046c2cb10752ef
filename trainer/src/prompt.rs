//! From a conversation to the text and the ids of its prompt: one way for the cold start, training, evaluation, the
//! reward model and `trainer render`. How a completion is sampled or learned must not be known here.

use anyhow::{Result, bail};
use datasets::{Message, PreferencePair, Task, TaskKind, Trace};
use policy::{Conversation, Date, Rendered, Texts};
use serde_json::{Map, Value};

use crate::config::PromptSection;

/// Mark that opens thinking.
pub(crate) const THINK: &str = "<think>";

/// A prompt, ready to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// Text, with the template's marks.
    pub text: String,
    /// Ids of the text.
    pub ids: Vec<u32>,
    /// True where the template opened the thinking itself: a completion then begins inside it.
    pub thinking_open: bool,
}

/// True for a prompt that ends with an open `<think>`, white space apart.
pub(crate) fn thinking_open(prompt: &str) -> bool {
    prompt.trim_end().ends_with(THINK)
}

/// What is asked: the turns before a completion, with what decides the text around them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Skill that the question is about, by which its suffix is chosen.
    pub kind: Option<&'a TaskKind>,
    pub messages: &'a [Message],
    /// Function descriptions as JSON Schema.
    pub tools: Option<&'a Value>,
}

impl<'a> From<&'a Task> for Question<'a> {
    fn from(task: &'a Task) -> Self {
        Self { kind: Some(&task.kind), messages: &task.messages, tools: task.tools.as_ref() }
    }
}

impl<'a> From<&'a Trace> for Question<'a> {
    fn from(trace: &'a Trace) -> Self {
        Self { kind: trace.kind.as_ref(), messages: &trace.messages, tools: trace.tools.as_ref() }
    }
}

impl<'a> From<&'a PreferencePair> for Question<'a> {
    fn from(pair: &'a PreferencePair) -> Self {
        Self { kind: pair.kind.as_ref(), messages: &pair.messages, tools: pair.tools.as_ref() }
    }
}

/// A model's texts under a `[prompt]` section.
#[derive(Debug)]
pub(crate) struct PromptFormat<'a> {
    texts: &'a Texts,
    section: &'a PromptSection,
    arguments: Map<String, Value>,
    date: Option<Date>,
}

impl<'a> PromptFormat<'a> {
    /// The format of a model's texts; the section's values are checked when a configuration is validated.
    ///
    /// # Errors
    /// A value of the section cannot be used.
    pub(crate) fn of_texts(texts: &'a Texts, section: &'a PromptSection) -> Result<Self> {
        Ok(Self { texts, section, arguments: section.arguments()?, date: section.date()? })
    }

    /// The prompt of a question.
    ///
    /// # Errors
    /// The template or the tokenizer refuses the conversation.
    pub(crate) fn prompt(&self, question: Question<'_>) -> Result<Prompt> {
        let text = self.render(question, None)?.text;
        let ids = self.encode(&text)?;
        if ids.is_empty() {
            bail!("the chat template makes an empty prompt of this conversation");
        }
        if let (Some(bos), [first, second, ..]) = (self.texts.bos_id, ids.as_slice())
            && [*first, *second] == [bos; 2]
        {
            bail!(
                "the prompt begins with the token {bos} that begins a text twice; have the chat template write it once"
            );
        }
        Ok(Prompt { ids, thinking_open: thinking_open(&text), text })
    }

    /// Ids of a question with its answer, as a reward model reads them.
    ///
    /// # Errors
    /// The template or the tokenizer refuses the conversation.
    pub(crate) fn answered_ids(&self, question: Question<'_>, answer: &str) -> Result<Vec<u32>> {
        let text = self.render(question, Some(&Message::assistant(answer)))?.text;
        self.encode(text.trim_end())
    }

    /// The rendered question: with an answer the whole conversation, without one its prompt.
    ///
    /// # Errors
    /// The template refuses the conversation.
    pub(crate) fn render(&self, question: Question<'_>, answer: Option<&Message>) -> Result<Rendered> {
        let mut turns: Vec<Value> = conversation(question, self.section).iter().map(Message::to_json).collect();
        turns.extend(answer.map(Message::to_json));
        Ok(self.texts.chat_template.render(&Conversation {
            messages: &turns,
            tools: question.tools,
            arguments: Some(&self.arguments),
            date: self.date,
            template: Some(self.section.template.as_str()).filter(|name| !name.is_empty()),
            add_generation_prompt: answer.is_none(),
        })?)
    }

    /// Ids of a text. Special tokens written in it are recognised.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.texts.tokenizer.encode(text)?)
    }
}

/// A question's conversation as its prompt has it: with the section's text added.
pub(crate) fn conversation(question: Question<'_>, section: &PromptSection) -> Vec<Message> {
    let mut turns = Vec::with_capacity(question.messages.len() + 2);
    if !section.system.is_empty() {
        turns.push(Message::new("system", &section.system));
    }
    turns.extend_from_slice(question.messages);
    let suffix = section.suffix_of(question.kind);
    if let Some(last) = turns.iter_mut().rfind(|message| message.role == "user" && !suffix.is_empty()) {
        last.push_text(suffix);
    }
    turns
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// Texts of a folder with this template and a tokenizer that knows `<|im_end|>` (2), `</s>` (3) and bytes as words.
    pub(crate) fn texts(template: &str, eos_token: &str) -> Texts {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = policy::train_tokenizer(["a text of some words"].into_iter(), 300).unwrap();
        std::fs::write(folder.path().join("tokenizer.json"), tokenizer).unwrap();
        std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
        let config = json!({"eos_token": eos_token, "bos_token": "<|endoftext|>"});
        std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
        std::fs::write(folder.path().join("config.json"), r#"{"eos_token_id": 0}"#).unwrap();
        Texts::load(folder.path()).unwrap()
    }

    fn section(text: &str) -> PromptSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn all_conversations_get_the_same_text_around_them() {
        let texts = texts(
            "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if tools %}{{ tools | tojson }}\
             {% endif %}{% if add_generation_prompt %}{{ start }}{% endif %}",
            "<|im_end|>",
        );
        let section =
            section("system = \"S\"\n[suffix]\nmath = \" +\"\n[arguments]\nstart = \"[assistant]<think>\\n\"");
        let format = PromptFormat::of_texts(&texts, &section).unwrap();
        let messages = [Message::user("a"), Message::assistant("b"), Message::user("c")];
        let tools = json!([{"default": 0}]);
        let question = Question { kind: Some(&TaskKind::MATH), messages: &messages, tools: Some(&tools) };
        let prompt = format.prompt(question).unwrap();
        assert_eq!(prompt.text, "[system]S[user]a[assistant]b[user]c +[{\"default\": 0}][assistant]<think>\n");
        assert!(prompt.thinking_open);
        assert_eq!(prompt.ids, format.encode(&prompt.text).unwrap());
        let answered = format.answered_ids(question, "d \n").unwrap();
        let expected = "[system]S[user]a[assistant]b[user]c +[assistant]d \n[{\"default\": 0}]";
        assert_eq!(answered, format.encode(expected).unwrap());
        let unkind = Question { kind: None, tools: None, ..question };
        assert!(format.prompt(unkind).unwrap().text.contains("[user]c[assistant]"));
    }

    #[test]
    fn a_prompt_begins_once() {
        let prompt = |start: &str| {
            let template = format!("{start}{{% for m in messages %}}{{{{ m.content }}}}{{% endfor %}}");
            let texts = texts(&template, "<|im_end|>");
            let messages = [Message::user("a")];
            let question = Question { kind: None, messages: &messages, tools: None };
            PromptFormat::of_texts(&texts, &section("")).unwrap().prompt(question)
        };
        assert!(prompt("{{ bos_token }}").is_ok());
        let error = prompt("{{ bos_token }}{{ bos_token }}").unwrap_err().to_string();
        assert!(error.contains("twice"), "{error}");
    }

    #[test]
    fn only_an_open_mark_opens_the_thinking() {
        for (prompt, expected) in [
            ("<|im_start|>assistant\n<think>\n", true),
            ("assistant<think>", true),
            ("assistant\n<think>\n\n</think>\n\n", false),
            ("assistant\n", false),
        ] {
            assert_eq!(thinking_open(prompt), expected, "{prompt:?}");
        }
    }
}
