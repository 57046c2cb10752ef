//! The ids between two turns: the conversation so far is rendered, and what stands behind the turn is taken.
//!
//! What was sampled is never turned into ids again where a sequence goes on. A template that rewrites what went before
//! (QwQ's leaves earlier thinking out) gives another beginning: then the rendered conversation is the prompt of a
//! sequence of its own, or, where history is kept, what the template puts behind any turn stands behind this one.

use anyhow::{Context, Result, ensure};
use datasets::Message;
use rollout::NextTurn;

use crate::prompt::{PromptFormat, Question, THINK, thinking_open};

/// Content of a turn whose place in a rendered conversation is sought.
const PLACE: &str = "\u{2402}turn\u{2403}";

/// A sequence's text up to the end of a turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct EndedText<'a> {
    /// Text before the turn, the template's marks among it.
    pub before: &'a str,
    /// Text of the turn, without its stop token.
    pub turn: &'a str,
    /// Text of the stop token.
    pub stop: &'a str,
    /// True where the sequence goes on as it was sampled, whatever the template makes of it.
    pub keeps_history: bool,
}

/// What follows a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextPrompt {
    pub next: NextTurn,
    /// The turn as the conversation has it.
    pub message: Message,
    /// Text of the sequence up to the beginning of the next turn.
    pub text: String,
}

/// The beginning of the turn behind these results. `earlier` are the turns behind the question, and before this one.
///
/// # Errors
/// The template or the tokenizer refuses the conversation, or the template writes nothing behind the turn.
pub(super) fn next_prompt(
    format: &PromptFormat<'_>,
    question: Question<'_>,
    earlier: &[Message],
    ended: &EndedText<'_>,
    results: &[Message],
) -> Result<NextPrompt> {
    let EndedText { before, turn, stop, keeps_history } = *ended;
    let opening = before.rfind(THINK).filter(|_| thinking_open(before)).map_or("", |at| &before[at..]);
    let message = Message::assistant(format!("{opening}{turn}"));
    let rendered = |message: &Message| {
        let turns = [question.messages, earlier, std::slice::from_ref(message), results].concat();
        Ok::<_, anyhow::Error>(format.render(Question { messages: &turns, ..question }, None)?.text)
    };
    let whole = rendered(&message)?;
    let begun = format!("{before}{turn}");
    let (behind, text) = match whole.strip_prefix(&begun) {
        Some(behind) => (behind.to_owned(), whole.clone()),
        None if keeps_history => {
            let marked = rendered(&Message::assistant(PLACE))?;
            let (_, behind) = marked.rsplit_once(PLACE).context("the chat template leaves a turn out")?;
            (behind.to_owned(), format!("{begun}{behind}"))
        }
        None => {
            let next = NextTurn::Anew { prompt_ids: format.encode(&whole)?, thinking_open: thinking_open(&whole) };
            return Ok(NextPrompt { next, message, text: whole });
        }
    };
    // The stop token stands there already.
    let behind = behind.strip_prefix(stop).unwrap_or(&behind);
    let ids = format.encode(behind)?;
    ensure!(!ids.is_empty(), "it writes nothing behind a turn");
    Ok(NextPrompt { next: NextTurn::GoesOn { ids, thinking_open: thinking_open(&text) }, message, text })
}

#[cfg(test)]
mod tests {
    use policy::Texts;

    use super::*;
    use crate::config::PromptSection;
    use crate::prompt::tests::texts;

    const MARKS: &str = "{% if add_generation_prompt %}[assistant]{{ start }}{% endif %}";
    const KEEPS: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>\n{% endfor %}";
    const REWRITES: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1].lstrip('\n') }}\
                            <|im_end|>\n{% endfor %}";

    /// What follows turns of a conversation under a template, `start` behind its generation prompt.
    fn followed(texts: &Texts, start: &str, turns: &[&str], keeps_history: bool) -> Vec<(NextTurn, String)> {
        let section = format!("[arguments]\nstart = {start:?}");
        let section: PromptSection = toml::from_str(&section).unwrap();
        let format = PromptFormat::of_texts(texts, &section).unwrap();
        let messages = [Message::user("1 + 1?")];
        let question = Question { kind: None, messages: &messages, tools: None };
        let (mut before, mut earlier) = (format.prompt(question).unwrap().text, Vec::new());
        let mut all = Vec::new();
        for turn in turns {
            let ended = EndedText { before: &before, turn, stop: "<|im_end|>", keeps_history };
            let results = [Message::new("tool", "2")];
            let NextPrompt { next, message, text } =
                next_prompt(&format, question, &earlier, &ended, &results).unwrap();
            earlier.push(message);
            earlier.extend(results);
            before = text.clone();
            all.push((next, text));
        }
        all
    }

    fn goes_on(texts: &Texts, text: &str, thinking_open: bool) -> NextTurn {
        NextTurn::GoesOn { ids: texts.tokenizer.encode(text).unwrap(), thinking_open }
    }

    #[test]
    fn what_stands_behind_a_turn_is_taken() {
        let texts = texts(&format!("{KEEPS}{MARKS}"), "<|im_end|>");
        for keeps_history in [false, true] {
            let next = followed(&texts, "<think>\n", &["so</think>a", "on</think>b"], keeps_history);
            let behind = goes_on(&texts, "\n[tool]2<|im_end|>\n[assistant]<think>\n", true);
            assert_eq!(next[0].0, behind);
            assert_eq!(next[1].0, behind);
            assert!(
                next[1].1.starts_with("[user]1 + 1?<|im_end|>\n[assistant]<think>\nso</think>a<|im_end|>\n[tool]2")
            );
        }
        let next = followed(&texts, "", &["a broken \u{fffd} text"], false);
        assert_eq!(next[0].0, goes_on(&texts, "\n[tool]2<|im_end|>\n[assistant]", false));
    }

    #[test]
    fn a_template_that_rewrites_begins_anew_unless_history_is_kept() {
        let texts = texts(&format!("{REWRITES}{MARKS}"), "<|im_end|>");
        let turns = ["so</think>\na", "on</think>b"];
        let anew = followed(&texts, "<think>\n", &turns, false);
        let prompt = "[user]1 + 1?<|im_end|>\n[assistant]a<|im_end|>\n[tool]2<|im_end|>\n[assistant]<think>\n";
        let prompt_ids = texts.tokenizer.encode(prompt).unwrap();
        assert_eq!(anew[0], (NextTurn::Anew { prompt_ids, thinking_open: true }, prompt.to_owned()));
        assert!(
            matches!(&anew[1].0, NextTurn::Anew { .. }) && anew[1].1.contains("2<|im_end|>\n[assistant]b<|im_end|>")
        );
        let kept = followed(&texts, "<think>\n", &turns, true);
        let behind = goes_on(&texts, "\n[tool]2<|im_end|>\n[assistant]<think>\n", true);
        assert_eq!((&kept[0].0, &kept[1].0), (&behind, &behind));
        assert!(kept[1].1.contains("<think>\nso</think>\na<|im_end|>\n[tool]2"));
        // Without thinking there is nothing to rewrite.
        let plain = followed(&texts, "", &["a"], false);
        assert_eq!(plain[0].0, goes_on(&texts, "\n[tool]2<|im_end|>\n[assistant]", false));
    }
}
