//! Keys that a run once had, or might be thought to have: an error that says what to do instead.

use toml::{Table, Value};

/// Old path and new path of each renamed key; a path names a value or a whole section.
const RENAMED: &[(&str, &str)] = &[
    ("rollout.engine.max_batch", "rollout.engine.max_sequences"),
    ("sandbox.server.most", "sandbox.server.max_limits"),
];

/// Parameters of sampling that evaluation and serving have and training has not.
const NOT_TRAINED: &[&str] = &[
    "rollout.logit_bias",
    "rollout.repetition_penalty",
    "rollout.presence_penalty",
    "rollout.frequency_penalty",
    "rollout.bad_words",
    "rollout.min_new_tokens",
];

/// Refuses a table that holds an old key, or one that no training has.
///
/// # Errors
/// The first such key, with its new name or the reason.
pub(super) fn refuse_old_keys(table: &Table) -> Result<(), String> {
    if let Some(key) = NOT_TRAINED.iter().find(|key| holds(table, key)) {
        return Err(format!(
            "`{key}`: penalties and bans would sample from another distribution than the one that is trained; they are \
             for `trainer generate` and `trainer eval`, so take the key out"
        ));
    }
    match RENAMED.iter().find(|(old, _)| holds(table, old)) {
        Some((old, new)) => Err(format!("`{old}` is called `{new}` now; rename the key")),
        None => Ok(()),
    }
}

fn holds(table: &Table, path: &str) -> bool {
    match path.split_once('.') {
        Some((section, rest)) => table.get(section).and_then(Value::as_table).is_some_and(|table| holds(table, rest)),
        None => table.contains_key(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_is_refused_in_any_spelling() {
        for text in [
            "rollout.engine.max_batch = 8",
            "[rollout]\nengine = { max_batch = 8 }",
            "[rollout.engine]\nmax_batch = 'x'",
        ] {
            let error = refuse_old_keys(&text.parse().unwrap()).unwrap_err();
            assert_eq!(
                error,
                "`rollout.engine.max_batch` is called `rollout.engine.max_sequences` now; rename the key"
            );
        }
        let section = "[sandbox.server.most]\nmemory_mb = 64".parse().unwrap();
        assert!(refuse_old_keys(&section).unwrap_err().contains("`sandbox.server.max_limits`"));
    }

    #[test]
    fn penalties_and_bans_are_refused_in_training() {
        for key in ["repetition_penalty = 1.0", "bad_words = [[3]]", "min_new_tokens = 4"] {
            let error = refuse_old_keys(&format!("[rollout]\n{key}").parse().unwrap()).unwrap_err();
            assert!(error.contains("take the key out") && error.contains("`rollout."), "{error}");
        }
    }

    #[test]
    fn other_tables_pass() {
        for text in [
            "",
            "rollout = 3",
            "[rollout.engine]\nmax_sequences = 8",
            "[engine]\nmax_batch = 8",
            "[eval]\nmin_new_tokens = 1",
        ] {
            assert_eq!(refuse_old_keys(&text.parse().unwrap()), Ok(()));
        }
    }
}
