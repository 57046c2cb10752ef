//! Parity with transformers: models and chat templates; folders that are loaded and saved.

mod bf16;
mod chat_templates;
mod exact;
mod folders;
mod golden;
mod kept;
mod micro_folder;
#[path = "../dist/tests/ranks.rs"]
mod ranks;
mod release;
mod role;
mod sharded;
mod tensor_parallel;
