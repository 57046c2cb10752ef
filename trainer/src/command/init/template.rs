//! The files of a first run, with what depends on the model and the device filled in.

use std::path::Path;

use anyhow::{Context, Result};

use super::first_model::FirstModel;

/// The ten tasks.
pub(super) const TASKS: &str = include_str!("template/tasks.jsonl");
/// Tasks that are asked and not trained on.
pub(super) const HELD_OUT: &str = include_str!("template/held_out.jsonl");

/// Every file by its name; marks as `@MODEL@` stand for values.
const FILES: [(&str, &str); 6] = [
    ("tasks.jsonl", TASKS),
    ("held_out.jsonl", HELD_OUT),
    ("verifier.py", include_str!("template/verifier.py")),
    ("cases.jsonl", include_str!("template/cases.jsonl")),
    ("config.toml", include_str!("template/config.toml")),
    ("README.md", include_str!("template/README.md")),
];

/// The device that the run is written for.
#[derive(Clone, Copy, Debug)]
pub(super) enum FirstDevice {
    /// A GPU where there is one.
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU.
    Gpu,
}

/// Writes the files into a folder.
///
/// # Errors
/// One cannot be written.
pub(super) fn write_files(folder: &Path, model: &FirstModel, device: FirstDevice) -> Result<()> {
    let (device, dtype) = match device {
        FirstDevice::Auto => ("auto", "float32"),
        FirstDevice::Cpu => ("cpu", "float32"),
        FirstDevice::Gpu => ("cuda", "bfloat16"),
    };
    // A model that knows something is moved gently, and needs room to think.
    let (about, lr, max_new_tokens) = match model {
        FirstModel::Small => ("a small model with random weights, which knows nothing yet", "3e-3", "12"),
        FirstModel::Given(_) => ("the model that `trainer init --model` was given", "1e-6", "256"),
    };
    let values = [
        ("@MODEL@", toml::Value::String(model.path().to_owned()).to_string()),
        ("@DEVICE@", device.to_owned()),
        ("@DTYPE@", dtype.to_owned()),
        ("@LR@", lr.to_owned()),
        ("@MAX_NEW_TOKENS@", max_new_tokens.to_owned()),
        ("@ABOUT@", about.to_owned()),
    ];
    for (name, text) in FILES {
        let text = values.iter().fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value));
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
