//! The code of a completion. It must not know what stands before it in the program.

use super::config::CodeConfig;
use super::extraction::{Extraction, extract_code};
use super::program::Prelude;
use crate::{Judged, Verdict};

/// The code of a completion, or the verdict on one that has none which can be run.
pub(super) fn program_of(judged: &Judged, prelude: &Prelude, config: &CodeConfig) -> Result<String, Verdict> {
    let answer = judged.answer();
    let code = match extract_code(answer) {
        Some(Extraction { code, .. }) => code,
        None if prelude.is_continued_by(answer) => answer.to_owned(),
        None => return Err(Verdict::no_answer("no closed block of code")),
    };
    if code.len() > config.max_code_bytes {
        let reason = format!("{} bytes of code, more than {}", code.len(), config.max_code_bytes);
        return Err(Verdict::unparsed(reason));
    }
    Ok(code)
}
