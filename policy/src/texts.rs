//! The texts of a model's folder: tokenizer, chat template, and the tokens that end a completion. They load without the
//! weights.

use std::path::Path;

use serde_json::{Value, json};

use crate::chat_template::{ChatTemplate, Conversation};
use crate::config::token_ids;
use crate::error::PolicyError;
use crate::folder::TextFiles;
use crate::tokenizer::Tokenizer;

/// Content of the turn by which a template is asked what it writes behind it.
const MARKER: &str = "marker7of7the7turn";

/// The token that ends an assistant's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnEnd {
    /// Id of the token.
    pub id: u32,
    /// Text of the token.
    pub text: String,
    /// True where the chat template writes the token behind a turn; false where it writes none, and the folder's own
    /// end-of-sequence token stands in.
    pub from_template: bool,
    /// True where the folder does not name the token among those that end a completion.
    pub was_missing: bool,
}

/// What turns a conversation into token ids, and says where a completion ends.
#[derive(Debug)]
pub struct Texts {
    /// Text to ids and back.
    pub tokenizer: Tokenizer,
    /// Messages to the text of a prompt.
    pub chat_template: ChatTemplate,
    /// Every id that ends a completion; the first is the one that ends a turn.
    pub eos_ids: Vec<u32>,
    /// The token that ends a turn; `None` where neither template nor folder names one.
    pub turn_end: Option<TurnEnd>,
    /// The token that begins a text, where the folder names one.
    pub bos_id: Option<u32>,
    /// Positions of the model (`max_position_embeddings`), where `config.json` says them.
    pub max_positions: Option<usize>,
    pub(crate) files: TextFiles,
}

impl Texts {
    /// Reads the texts of a folder. Of `config.json` only the end-of-sequence ids, the size of the vocabulary and the
    /// number of positions are read, so that a folder of any architecture will do.
    ///
    /// # Errors
    /// A file is missing or unusable, or the tokenizer's vocabulary does not fit the model's.
    pub fn load(folder: &Path) -> Result<Self, PolicyError> {
        if !folder.is_dir() {
            return Err(PolicyError::malformed(
                folder,
                "is not a folder; a model is a folder in Hugging Face's layout",
            ));
        }
        let path = folder.join("config.json");
        let config: Value = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| PolicyError::malformed(&path, format!("not JSON: {error}")))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({}),
            Err(source) => return Err(PolicyError::io(&path, source)),
        };
        let mut files = TextFiles::read(folder)?;
        let vocab_size = config["vocab_size"].as_i64();
        let tokenizer = files.tokenizer(folder, vocab_size)?;
        let chat_template = files.chat_template(folder)?;
        let config_ids = token_ids(&config["eos_token_id"])
            .ok_or_else(|| PolicyError::config("eos_token_id", format!("{} is no token id", config["eos_token_id"])))?;
        let generation_ids = files.generation_eos_ids(folder)?;
        // The file that says more of generation is the one that other tools stop by.
        let named = generation_ids.clone().unwrap_or_else(|| config_ids.clone());
        let mut eos_ids = generation_ids.unwrap_or_default();
        push_new(&mut eos_ids, &config_ids);
        let special_tokens = files.special_tokens(folder)?;
        let bos_id = special_tokens.get("bos_token").and_then(|token| tokenizer.token_to_id(token));
        let turn_end = match turn_end(&chat_template, &tokenizer, &eos_ids) {
            Some((text, id)) => Some(TurnEnd { id, text, from_template: true, was_missing: !named.contains(&id) }),
            None => stand_in(&special_tokens, &tokenizer, &eos_ids)?,
        };
        if let Some(end) = &turn_end {
            let rest = std::mem::replace(&mut eos_ids, vec![end.id]);
            push_new(&mut eos_ids, &rest);
        }
        if let Some(id) = eos_ids.iter().find(|id| vocab_size.is_some_and(|size| i64::from(**id) >= size)) {
            return Err(PolicyError::config("eos_token_id", format!("{id} is outside the vocabulary")));
        }
        if turn_end.as_ref().is_some_and(|end| end.from_template && end.was_missing) {
            files.set_generation_eos_ids(folder, &eos_ids)?;
        }
        files.set_pad_token(folder, &tokenizer, turn_end.as_ref().map(|end| end.id))?;
        let max_positions = config["max_position_embeddings"].as_u64().map(|positions| positions as usize);
        Ok(Self { tokenizer, chat_template, eos_ids, turn_end, bos_id, max_positions, files })
    }
}

fn push_new(ids: &mut Vec<u32>, more: &[u32]) {
    for id in more {
        if !ids.contains(id) {
            ids.push(*id);
        }
    }
}

/// The token that the template writes right behind an assistant's turn, white space apart. Of several in a row
/// (Cohere's templates end the answer, then the turn) the first that is among the folder's ids, else the first.
fn turn_end(template: &ChatTemplate, tokenizer: &Tokenizer, eos_ids: &[u32]) -> Option<(String, u32)> {
    let turn = |role: &str, content: Value| json!({"role": role, "content": content});
    let parts = |text: &str| json!([{"type": "text", "text": text}]);
    // A template may insist on a system turn, or on contents of parts.
    let conversations = [
        vec![turn("user", "Hello".into()), turn("assistant", MARKER.into())],
        vec![turn("system", "Hello".into()), turn("user", "Hello".into()), turn("assistant", MARKER.into())],
        vec![turn("user", parts("Hello")), turn("assistant", parts(MARKER))],
    ];
    conversations.iter().find_map(|messages| {
        let conversation = Conversation { add_generation_prompt: false, ..Conversation::prompt(messages) };
        let text = template.render(&conversation).ok()?.text;
        let mut behind = text[text.rfind(MARKER)? + MARKER.len()..].trim_start();
        let mut tokens = Vec::new();
        while let Some(token) = tokenizer.leading_token(behind) {
            behind = &behind[token.0.len()..];
            tokens.push(token);
        }
        let named = tokens.iter().position(|(_, id)| eos_ids.contains(id));
        (!tokens.is_empty()).then(|| tokens.swap_remove(named.unwrap_or(0)))
    })
}

/// The end-of-sequence token, for a template that writes none: the tokenizer's own where it is among the folder's ids.
fn stand_in(
    special_tokens: &std::collections::BTreeMap<String, String>,
    tokenizer: &Tokenizer,
    eos_ids: &[u32],
) -> Result<Option<TurnEnd>, PolicyError> {
    let own = special_tokens.get("eos_token").and_then(|token| tokenizer.token_to_id(token));
    let Some(id) = own.filter(|id| eos_ids.is_empty() || eos_ids.contains(id)).or(eos_ids.first().copied()) else {
        return Ok(None);
    };
    let text = tokenizer.decode(&[id], false)?;
    Ok(Some(TurnEnd { id, text, from_template: false, was_missing: !eos_ids.contains(&id) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with this template, and these ids in `config.json` and `generation_config.json`.
    fn texts(template: &str, config: Value, generation: Value) -> Texts {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        // 0 <|endoftext|>, 1 <|im_start|>, 2 <|im_end|>, 3 <think>, 4 </think>
        let tokenizer = crate::train_tokenizer(["some words"].into_iter(), 300).unwrap();
        write("tokenizer.json", &String::from_utf8(tokenizer).unwrap());
        write("chat_template.jinja", template);
        write("tokenizer_config.json", r#"{"eos_token": {"content": "<|endoftext|>"}}"#);
        write("config.json", &json!({"eos_token_id": config, "max_position_embeddings": 64}).to_string());
        if !generation.is_null() {
            write("generation_config.json", &json!({"eos_token_id": generation, "top_k": 3}).to_string());
        }
        Texts::load(folder.path()).unwrap()
    }

    const CHATML: &str = crate::CHAT_TEMPLATE;

    fn generation_config(texts: &Texts) -> Option<Value> {
        texts.files.json(Path::new(""), "generation_config.json").unwrap()
    }

    #[test]
    fn texts_are_used_on_other_threads_than_the_models() {
        let texts = std::sync::Arc::new(texts(CHATML, json!(0), json!(null)));
        let ids = texts.tokenizer.encode("some words").unwrap();
        let shared = texts.clone();
        let elsewhere = std::thread::spawn(move || shared.tokenizer.encode("some words").unwrap());
        assert_eq!(elsewhere.join().unwrap(), ids);
        fn is_shared<T: Send + Sync>(_: &T) {}
        is_shared(&texts);
    }

    #[test]
    fn the_template_says_what_ends_a_turn() {
        let base = texts(CHATML, json!(0), json!(null));
        let end = base.turn_end.clone().unwrap();
        assert_eq!((end.id, end.text.as_str(), end.from_template, end.was_missing), (2, "<|im_end|>", true, true));
        assert_eq!(base.eos_ids, [2, 0]);
        assert_eq!(generation_config(&base), Some(json!({"eos_token_id": [2, 0]})));
        assert_eq!(base.max_positions, Some(64));

        let instruct = texts(CHATML, json!([0, 2]), json!(null));
        assert!(!instruct.turn_end.as_ref().unwrap().was_missing);
        assert_eq!((instruct.eos_ids.as_slice(), generation_config(&instruct)), (&[2, 0][..], None));

        // The file that other tools stop by names another id than config.json.
        let split = texts(CHATML, json!(2), json!([0]));
        assert!(split.turn_end.as_ref().unwrap().was_missing);
        assert_eq!(generation_config(&split), Some(json!({"eos_token_id": [2, 0], "top_k": 3})));
    }

    #[test]
    fn the_ids_choose_among_several_tokens() {
        let source = "{% for m in messages %}{{ m.content }}</think><|im_end|>\n<|endoftext|>{% endfor %}";
        assert_eq!(texts(source, json!([0, 2]), json!(null)).eos_ids, [2, 0]);
        assert_eq!(texts(source, json!(0), json!(null)).eos_ids, [4, 0]);
    }

    #[test]
    fn templates_are_asked_in_the_form_they_take() {
        let parts = "{% for m in messages %}{% for p in m.content %}{{ p.text }}{% endfor %} <|im_end|>{% endfor %}";
        assert_eq!(texts(parts, json!(0), json!(null)).turn_end.unwrap().id, 2);
        let system = "{% if messages[0].role != 'system' %}{{ raise_exception('no') }}{% endif %}\
                      {% for m in messages %}{{ m.content | trim }}<|im_end|>{% endfor %}";
        assert_eq!(texts(system, json!(0), json!(null)).turn_end.unwrap().id, 2);
    }

    #[test]
    fn a_template_without_such_a_token_leaves_it_to_the_folder() {
        let plain = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
        let end = texts(plain, json!([2, 0]), json!(null)).turn_end.unwrap();
        assert_eq!((end.id, end.from_template, end.was_missing), (0, false, false));
        assert_eq!(texts(plain, json!(2), json!(null)).turn_end.unwrap().id, 2);
    }
}
