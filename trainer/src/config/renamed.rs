//! Renamed keys: the old name is an error that says the new one.

use toml::{Table, Value};

/// Old path and new path of each renamed key; a path names a value or a whole section.
const RENAMED: &[(&str, &str)] = &[
    ("rollout.engine.max_batch", "rollout.engine.max_sequences"),
    ("sandbox.server.most", "sandbox.server.max_limits"),
];

/// Refuses a table that holds an old key.
///
/// # Errors
/// The first such key, with its new name.
pub(super) fn refuse_old_keys(table: &Table) -> Result<(), String> {
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
    fn other_tables_pass() {
        for text in ["", "rollout = 3", "[rollout.engine]\nmax_sequences = 8", "[engine]\nmax_batch = 8"] {
            assert_eq!(refuse_old_keys(&text.parse().unwrap()), Ok(()));
        }
    }
}
