//! Folders of the golden micro models, with the tokenizer that they lack.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The golden models, one of each type and kind of rotary embedding.
pub(crate) const MODELS: [&str; 6] =
    ["qwen2", "qwen2_tied", "qwen3", "llama_tied_llama3_rope", "qwen2_yarn", "qwen2_yarn_without_original"];

/// Path of a golden model, or of a file beside them.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/models").join(name)
}

/// A folder with this `config.json`, a golden model's weights, and a tokenizer of three words: `a`, `<pad>` and `</s>`
/// (ids 0 to 2), of which the template ends a turn with the last.
pub(crate) fn micro_folder(name: &str, config: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| std::fs::write(folder.path().join(file), text).unwrap();
    std::fs::copy(golden(name).join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
    write("config.json", config);
    let added = |id: u32, content: &str| {
        serde_json::json!({"id": id, "content": content, "special": true, "single_word": false, "lstrip": false,
                           "rstrip": false, "normalized": false})
    };
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "added_tokens": [added(1, "<pad>"), added(2, "</s>")],
        "model": {"type": "WordLevel", "vocab": {"a": 0, "<pad>": 1, "</s>": 2}, "unk_token": "a"},
    });
    write("tokenizer.json", &tokenizer.to_string());
    write("chat_template.jinja", "{% for message in messages %}{{ message.content }}</s>{% endfor %}");
    folder
}

/// The `config.json` of a golden model, in transformers 4's layout.
pub(crate) fn config_text(name: &str) -> String {
    std::fs::read_to_string(golden(name).join("config.json")).unwrap()
}
