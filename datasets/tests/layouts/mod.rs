//! Layouts: each published form is recognised and gives the records that it should.

mod bad_input;
mod choices;
mod code;
mod limits;
mod maths;
mod own_sets;
mod preferences;
mod real_files;
mod rules;
mod training;

use std::path::{Path, PathBuf};

use datasets::{DataSource, Loaded, Task};
use serde_json::Value;

/// A sample of a published set, with invented rows.
pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/suites").join(name)
}

/// The tasks of a sample, by the layout that its columns tell.
fn tasks(name: &str, layout: &str) -> Loaded<Task> {
    let loaded = DataSource::new([sample(name)]).tasks().unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(loaded.layout.name, layout, "{name}");
    assert_eq!(loaded.records.len(), loaded.places.len());
    loaded
}

/// Asserts that a sample has these tasks alone: id, the question's end, verifier and ground truth.
fn assert_tasks(name: &str, layout: &str, expected: &[(&str, &str, &str, Value)]) {
    let loaded = tasks(name, layout);
    assert_eq!(loaded.unreadable, [], "{name}");
    assert_eq!(loaded.records.len(), expected.len(), "{name}");
    for (task, (id, question, verifier, ground_truth)) in loaded.records.iter().zip(expected) {
        assert_eq!(task.id, *id, "{name}");
        let asked = &task.messages.last().unwrap().content;
        assert!(asked.ends_with(question), "{name}: {asked}");
        assert_eq!((task.verifiers.len(), task.verifiers[0].name.as_str()), (1, *verifier), "{name}");
        assert_eq!(task.verifiers[0].ground_truth, *ground_truth, "{name}");
    }
}
