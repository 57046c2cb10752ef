//! Parity with transformers: models and chat templates.

mod chat_templates;
mod golden;
