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
        let turn_end = match turn_end(&chat_template, &tokenizer) {
            Some((text, id)) => Some(TurnEnd { id, text, from_template: true, was_missing: !named.contains(&id) }),
            None => stand_in(&files.special_tokens(folder)?, &tokenizer, &eos_ids)?,
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
        let max_positions = config["max_position_embeddings"].as_u64().map(|positions| positions as usize);
        Ok(Self { tokenizer, chat_template, eos_ids, turn_end, max_positions, files })
    }
}

fn push_new(ids: &mut Vec<u32>, more: &[u32]) {
    for id in more {
        if !ids.contains(id) {
            ids.push(*id);
        }
    }
}

/// The token that the template writes right behind an assistant's turn, white space apart.
fn turn_end(template: &ChatTemplate, tokenizer: &Tokenizer) -> Option<(String, u32)> {
    let user = json!({"role": "user", "content": "Hello"});
    let assistant = json!({"role": "assistant", "content": MARKER});
    let system = json!({"role": "system", "content": "Hello"});
    // A template may insist on a system turn.
    [vec![user.clone(), assistant.clone()], vec![system, user, assistant]].iter().find_map(|messages| {
        let conversation = Conversation { add_generation_prompt: false, ..Conversation::prompt(messages) };
        let text = template.render(&conversation).ok()?.text;
        let behind = &text[text.rfind(MARKER)? + MARKER.len()..];
        tokenizer.leading_token(behind.trim_start())
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
