//! Samples completions of a question from a model's folder, as Hugging Face publishes it:
//!
//! `cargo run --release -p rollout --example sample -- FOLDER "What is 12 + 30?" [COMPLETIONS]`

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use policy::{Conversation, Placement, Policy, resolve_device};
use rollout::{EngineOptions, RolloutRequest, SamplingParams, generate};
use tch::Kind;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [folder, question] => sample(Path::new(folder), question, 4),
        [folder, question, num_completions] => match num_completions.parse() {
            Ok(num_completions) => sample(Path::new(folder), question, num_completions),
            Err(_) => Err(format!("COMPLETIONS is a whole number, not `{num_completions}`").into()),
        },
        _ => Err("usage: sample FOLDER QUESTION [COMPLETIONS]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sample: {error}");
            ExitCode::FAILURE
        }
    }
}

fn sample(folder: &Path, question: &str, num_completions: u64) -> Result<(), Box<dyn Error>> {
    let placement = Placement { device: resolve_device("auto")?, kind: Kind::Float };
    let policy = Policy::load(folder, placement)?;
    let messages = [serde_json::json!({"role": "user", "content": question})];
    let prompt = policy.texts.chat_template.render(&Conversation::prompt(&messages))?.text;
    let prompt_ids = policy.texts.tokenizer.encode(&prompt)?;

    // Seed, draw and sample address the random numbers: the same call prints the same completions.
    let params = Arc::new(SamplingParams { temperature: 0.7, top_p: 0.95, ..SamplingParams::default() });
    let requests = (0..num_completions).map(|sample| RolloutRequest {
        draw: 0,
        sample,
        label: None,
        prompt_ids: prompt_ids.clone(),
        thinking_open: false,
        params: params.clone(),
    });
    let (options, cancel) = (EngineOptions::default(), AtomicBool::new(false));
    let stats = generate(&policy, requests, &options, 0, &cancel, |completion| {
        let reason = completion.finish_reason.as_str();
        println!("--- completion {}: {} tokens, {reason}", completion.sample, completion.sequence.num_sampled());
        println!("{}", completion.text);
    })?;
    eprintln!("{:.0} tokens/s", stats.tokens_per_second());
    Ok(())
}
