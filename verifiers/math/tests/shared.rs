//! Data that are third parties' and not part of this project, in a folder `shared` beside the checkout. A test says so
//! where they are missing.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// The lines of a file under `shared/data`, as JSON; none where the file is not there.
pub(crate) fn lines(name: &str) -> Option<Vec<Value>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("not run: there is no file {}", path.display());
        return None;
    };
    Some(text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect())
}

/// A text of an object.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
