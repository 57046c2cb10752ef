//! From a trace to the ids that the cold start learns: every turn of the assistant, behind the very prompt that the
//! policy would see at that turn.
//!
//! The prompt of a turn is rendered from the turns before it, the completion from the turn itself: what the template
//! writes between that prompt's end and the token that ends the turn. Prompt and completion are encoded apart, as
//! sampling has them. A template may write the turns before in another way than it wrote them when they were new (most
//! drop their thinking); such a turn begins a sequence of its own, any other goes on with the sequence before it.

use anyhow::{Context, Result, bail};
use datasets::{Message, Trace};
use learner::objective::supervised::LearnedSequence;
use policy::TurnEnd;

use crate::prompt::{Prompt, PromptFormat, Question, THINK};

/// End of thinking.
const END_OF_THINKING: &str = "</think>";

/// Appends ids to a sequence, as targets where they are learned.
fn push(sequence: &mut LearnedSequence, ids: &[u32], learned: bool) {
    let start = sequence.ids.len();
    sequence.ids.extend(ids);
    let end = sequence.ids.len();
    match sequence.targets.last_mut() {
        Some(range) if learned && range.end == start => range.end = end,
        _ if learned && start < end => sequence.targets.push(start..end),
        _ => {}
    }
}

/// The sequences of a trace, in the order of its turns: one where the template leaves earlier turns as they were.
///
/// # Errors
/// The template or tokenizer refuses the trace, renders a turn otherwise than its prompt begins it, or names no token
/// to end a turn with.
pub(crate) fn trace_tokens(
    format: &PromptFormat<'_>,
    turn_end: Option<&TurnEnd>,
    trace: &Trace,
) -> Result<Vec<LearnedSequence>> {
    let end = turn_end.context("neither chat template nor config names a token (eos_token_id) to end a trace with")?;
    let question = Question::from(trace);
    let mut sequences: Vec<(String, LearnedSequence)> = Vec::new();
    for (index, message) in trace.messages.iter().enumerate().filter(|(_, message)| message.role == "assistant") {
        let before = Question { messages: &trace.messages[..index], ..question };
        let turn = || format!("messages[{index}]");
        let prompt = format.prompt(before).with_context(turn)?;
        let Some(completion) = completion(format, end, before, &prompt, message).with_context(turn)? else { continue };
        let text = format!("{}{completion}{}", prompt.text, end.text);
        let goes_on = sequences.last_mut().filter(|(so_far, _)| prompt.text.starts_with(so_far.as_str()));
        let sequence = match goes_on {
            Some((so_far, sequence)) => {
                push(sequence, &format.encode(&prompt.text[so_far.len()..])?, false);
                *so_far = text;
                sequence
            }
            None => {
                let mut sequence = LearnedSequence::default();
                push(&mut sequence, &prompt.ids, false);
                sequences.push((text, sequence));
                &mut sequences.last_mut().expect("one was pushed").1
            }
        };
        push(sequence, &format.encode(&completion)?, true);
        push(sequence, &[end.id], true);
    }
    if sequences.is_empty() {
        bail!("the chat template marks no turn of the assistant as generated");
    }
    Ok(sequences.into_iter().map(|(_, sequence)| sequence).collect())
}

/// Text that is to be learned behind a prompt, without the token that ends the turn; `None` where the template has
/// `{% generation %}` blocks and this turn stands in none.
fn completion(
    format: &PromptFormat<'_>,
    end: &TurnEnd,
    before: Question<'_>,
    prompt: &Prompt,
    message: &Message,
) -> Result<Option<String>> {
    let whole = format.render(before, Some(message))?;
    let opening = prompt.text.rfind(THINK).filter(|_| prompt.thinking_open);
    let closed = opening.map_or(prompt.text.as_str(), |at| &prompt.text[..at]);
    let (start, rest) = if let Some(rest) = whole.text.strip_prefix(&prompt.text) {
        (prompt.text.len(), rest)
    } else if let Some(rest) = whole.text.strip_prefix(closed).filter(|_| opening.is_some()) {
        // The turn does not open its thinking as the prompt does, or not at all.
        (closed.len(), rest.strip_prefix(THINK).map_or(rest, |rest| rest.trim_start_matches('\n')))
    } else {
        let ends = prompt.text.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<String>();
        bail!(
            "the template renders the turn otherwise than its prompt begins it (the prompt ends with {ends:?}); do \
             prompt.arguments fit the traces?"
        );
    };
    if whole.generated.is_some_and(|spans| !spans.iter().any(|span| span.end > start)) {
        return Ok(None);
    }
    let rest = if end.from_template {
        rest.rfind(&end.text).map_or(rest.trim_end(), |at| &rest[..at])
    } else if rest.starts_with(&message.content) {
        message.content.as_str()
    } else {
        rest.trim_end()
    };
    // A template may drop the thinking even of the turn that is to be learned.
    Ok(Some(match thinking(message) {
        Some(thinking) if !rest.contains(END_OF_THINKING) => {
            let thinking = match opening {
                Some(_) => thinking.strip_prefix(THINK).map_or(thinking.as_str(), |t| t.trim_start_matches('\n')),
                None => &thinking,
            };
            format!("{thinking}{}", rest.trim_start())
        }
        _ => rest.to_owned(),
    }))
}

/// The thinking of a turn, from `<think>` where it has one to the white space behind `</think>`.
fn thinking(message: &Message) -> Option<String> {
    let field = ["reasoning_content", "thinking", "reasoning"].iter().find_map(|name| message.field(name)?.as_str());
    if let Some(thinking) = field {
        return Some(format!("{THINK}\n{}\n{END_OF_THINKING}\n\n", thinking.trim_matches('\n')));
    }
    let content = &message.content;
    let end = content.find(END_OF_THINKING)? + END_OF_THINKING.len();
    Some(content[..content.len() - content[end..].trim_start().len()].to_owned())
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use policy::{CHAT_TEMPLATE, Texts};
    use serde_json::json;

    use super::*;
    use crate::config::PromptSection;
    use crate::prompt::tests::texts;

    /// ChatML that opens the thinking, and drops that of earlier turns.
    const THINKING: &str = "{%- for m in messages %}{%- set content = m.content %}\
        {%- if m.role == 'assistant' and not loop.last %}\
        {%- set content = m.content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}\
        {{- '<|im_start|>' + m.role + '\\n' + content + '<|im_end|>\\n' }}{%- endfor %}\
        {%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}";

    fn trace(messages: serde_json::Value) -> Trace {
        serde_json::from_value(json!({"id": "t", "task": "math", "messages": messages})).unwrap()
    }

    /// Context and learned text by turns: the learned ones in brackets.
    fn learned(texts: &Texts, messages: serde_json::Value) -> Vec<String> {
        let section = PromptSection::default();
        let format = PromptFormat::of_texts(texts, &section).unwrap();
        let sequences = trace_tokens(&format, texts.turn_end.as_ref(), &trace(messages)).unwrap();
        let show = |sequence: &LearnedSequence| {
            let decode = |range: Range<usize>| texts.tokenizer.decode(&sequence.ids[range], false).unwrap();
            let (mut text, mut at) = (String::new(), 0);
            for range in &sequence.targets {
                text.push_str(&decode(at..range.start));
                text.push_str(&format!("[{}]", decode(range.clone())));
                at = range.end;
            }
            text.push_str(&decode(at..sequence.ids.len()));
            text
        };
        sequences.iter().map(show).collect()
    }

    fn two_turns() -> serde_json::Value {
        json!([
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>\nb\n</think>\n\nc"},
            {"role": "user", "content": "d"}, {"role": "assistant", "content": "<think>\ne\n</think>\n\nf"},
        ])
    }

    #[test]
    fn a_trace_of_one_turn_is_prompt_content_and_end() {
        let texts = texts(CHAT_TEMPLATE, "<|im_end|>");
        assert_eq!(texts.turn_end.as_ref().unwrap().id, 2);
        let section = PromptSection::default();
        let format = PromptFormat::of_texts(&texts, &section).unwrap();
        let content = "<think>\nhm \n</think>\n\n42 \n";
        let messages = json!([{"role": "user", "content": "Hi?"}, {"role": "assistant", "content": content}]);
        let sequences = trace_tokens(&format, texts.turn_end.as_ref(), &trace(messages)).unwrap();
        let prompt = format.encode("<|im_start|>user\nHi?<|im_end|>\n<|im_start|>assistant\n").unwrap();
        let ids = [prompt.clone(), format.encode(content).unwrap(), vec![2]].concat();
        let targets = std::iter::once(prompt.len()..ids.len()).collect();
        assert_eq!(sequences, [LearnedSequence { ids, targets }]);
    }

    #[test]
    fn the_demos_traces_are_prompt_content_and_end() {
        let data = datasets::generate::generate_demo(&datasets::generate::DemoDataConfig::default()).unwrap();
        let texts = texts(CHAT_TEMPLATE, "<|im_end|>");
        let section = PromptSection::default();
        let format = PromptFormat::of_texts(&texts, &section).unwrap();
        for trace in data.traces.iter().step_by(7) {
            let question = trace.messages[0].content.as_str();
            let prompt = format!("<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n");
            let prompt = format.encode(&prompt).unwrap();
            let ids = [prompt.clone(), format.encode(trace.completion()).unwrap(), vec![2]].concat();
            let targets = std::iter::once(prompt.len()..ids.len()).collect();
            let sequences = trace_tokens(&format, texts.turn_end.as_ref(), trace).unwrap();
            assert_eq!(sequences, [LearnedSequence { ids, targets }], "{}", trace.id);
        }
        assert!(data.traces.len() > 1000);
    }

    #[test]
    fn turns_that_stay_as_they_were_share_a_sequence() {
        let texts = texts(CHAT_TEMPLATE, "<|im_end|>");
        assert_eq!(
            learned(&texts, two_turns()),
            ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[<think>\nb\n</think>\n\nc<|im_end|>]\n\
              <|im_start|>user\nd<|im_end|>\n<|im_start|>assistant\n[<think>\ne\n</think>\n\nf<|im_end|>]"]
        );
    }

    #[test]
    fn a_turn_behind_dropped_thinking_has_a_sequence_of_its_own() {
        let texts = texts(THINKING, "<|im_end|>");
        assert_eq!(
            learned(&texts, two_turns()),
            [
                "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n[b\n</think>\n\nc<|im_end|>]",
                "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nc<|im_end|>\n<|im_start|>user\nd<|im_end|>\n\
                 <|im_start|>assistant\n<think>\n[e\n</think>\n\nf<|im_end|>]",
            ]
        );
    }

    #[test]
    fn thinking_is_learned_however_it_is_written() {
        let texts = texts(THINKING, "<|im_end|>");
        for answer in [
            json!({"content": "<think>b\n</think>\n\nc"}),
            json!({"content": "b\n</think>\n\nc"}),
            json!({"content": "c", "reasoning_content": "b"}),
            json!({"content": "c", "thinking": "\nb\n"}),
        ] {
            let mut answer = answer;
            answer["role"] = json!("assistant");
            assert_eq!(
                learned(&texts, json!([{"role": "user", "content": "a"}, answer])),
                ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>\n[b\n</think>\n\nc<|im_end|>]"]
            );
        }
    }

    #[test]
    fn a_template_that_drops_the_thinking_of_the_last_turn_is_made_up_for() {
        let source = "{% for m in messages %}{{ m.role }}:{{ m.content.split('</think>')[-1] }}<|im_end|>{% endfor %}\
                      {% if add_generation_prompt %}assistant:<think>\n{% endif %}";
        let texts = texts(source, "<|im_end|>");
        let messages = json!([
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>\nb\n</think>\n\nc"},
        ]);
        assert_eq!(learned(&texts, messages), ["user:a<|im_end|>assistant:<think>\n[b\n</think>\n\nc<|im_end|>]"]);
    }

    #[test]
    fn calls_of_tools_are_learned_and_their_results_are_not() {
        let source = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% if m.tool_calls %}CALL \
                      {{ m.tool_calls | tojson }}{% endif %}<|im_end|>\n{% endfor %}\
                      {% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
        let texts = texts(source, "<|im_end|>");
        let messages = json!([
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": null, "tool_calls": [{"name": "f", "n": 1}]},
            {"role": "tool", "content": "9"},
            {"role": "assistant", "content": "It is 9."},
        ]);
        assert_eq!(
            learned(&texts, messages),
            ["<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[CALL [{\"name\": \"f\", \"n\": 1}]<|im_end|>]\n\
              <|im_start|>tool\n9<|im_end|>\n<|im_start|>assistant\n[It is 9.<|im_end|>]"]
        );
    }

    #[test]
    fn turns_outside_of_generation_blocks_are_not_learned() {
        let source = "{% for m in messages %}{% if m.role == 'assistant' and m.content != 'skip' %}assistant:\
                      {% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.role }}:\
                      {{ m.content }}<|im_end|>{% endif %}{% endfor %}\
                      {% if add_generation_prompt %}assistant:{% endif %}";
        let texts = texts(source, "<|im_end|>");
        let messages = json!([
            {"role": "user", "content": "a"}, {"role": "assistant", "content": "skip"},
            {"role": "user", "content": "b"}, {"role": "assistant", "content": "c"},
        ]);
        assert_eq!(
            learned(&texts, messages),
            ["user:a<|im_end|>assistant:skip<|im_end|>user:b<|im_end|>assistant:[c<|im_end|>]"]
        );
    }

    #[test]
    fn a_template_of_plain_text_ends_with_the_folders_own_token() {
        let source = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}\
                      {% if add_generation_prompt %}assistant:{% endif %}";
        let texts = texts(source, "<|endoftext|>");
        let end = texts.turn_end.as_ref().unwrap();
        assert_eq!((end.id, end.from_template), (0, false));
        let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
        assert_eq!(learned(&texts, messages), ["user: a\nassistant:[ b<|endoftext|>]"]);
    }

    #[test]
    fn a_prompt_that_the_turn_does_not_begin_with_is_an_error() {
        let source = "{% for m in messages %}{{ m.role }}:{{ m.content }}<|im_end|>{% endfor %}\
                      {% if add_generation_prompt %}assistant:<think>\n\n</think>\n\n{% endif %}";
        let texts = texts(source, "<|im_end|>");
        let section = PromptSection::default();
        let format = PromptFormat::of_texts(&texts, &section).unwrap();
        let messages = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]);
        let error = trace_tokens(&format, texts.turn_end.as_ref(), &trace(messages)).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("messages[1]") && error.contains("prompt.arguments"), "{error}");
    }
}
