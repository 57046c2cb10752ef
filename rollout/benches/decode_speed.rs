//! Times decoding on a random model and prints tokens per second: `cargo bench -p rollout --bench decode_speed`.
//!
//! Arguments after `--`, all optional: sequences in flight (32), new tokens (200), requests (as many as sequences),
//! threads (2). The model has 8 layers, hidden 256, 8 heads, 2 key-value heads, intermediate 704 and 2,048 tokens;
//! prompts have 32. End-of-sequence is ignored.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use policy::{Decoder, ModelConfig, Placement, Policy};
use rollout::{EngineOptions, RolloutRequest, SamplingParams, generate};

const VOCAB_SIZE: u32 = 2048;
const PROMPT_TOKENS: u32 = 32;

fn main() {
    // Cargo itself passes `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let argument = |at: usize, default: usize| {
        arguments.get(at).map_or(default, |text| text.parse().expect("arguments are whole numbers"))
    };
    let max_sequences = argument(0, 32);
    let (max_new_tokens, num_requests) = (argument(1, 200), argument(2, max_sequences));
    tch::set_num_threads(argument(3, 2) as i32);
    let policy = random_policy();
    let params = Arc::new(SamplingParams { max_new_tokens, ignore_eos: true, ..SamplingParams::default() });
    let options = EngineOptions { max_sequences, ..EngineOptions::default() };
    for round in 0..4u64 {
        let request = |index: usize| RolloutRequest {
            draw: index as u64,
            sample: round,
            label: None,
            prompt_ids: (0..PROMPT_TOKENS).map(|at| (at * 97 + index as u32 * 31) % VOCAB_SIZE).collect(),
            thinking_open: false,
            params: params.clone(),
        };
        let requests = (0..num_requests).map(request);
        let stats = generate(&policy, requests, &options, 0, &AtomicBool::new(false), |_| {}).expect("a generation");
        println!(
            "{:.0} tokens/s; prefill {:.3} s, decode {:.3} s, {:.2} ms a step of {:.1} sequences",
            stats.tokens_per_second(),
            stats.prefill_seconds,
            stats.decode_seconds,
            1e3 * stats.decode_seconds / stats.num_decode_steps as f64,
            stats.mean_running()
        );
    }
}

fn random_policy() -> Policy {
    let json = serde_json::json!({
        "model_type": "qwen2", "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 8,
        "vocab_size": VOCAB_SIZE, "num_attention_heads": 8, "num_key_value_heads": 2, "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": true,
    });
    let config = ModelConfig::from_json(&json).expect("a config");
    let decoder = Decoder::random(&config, 0, Placement::CPU);
    let tokenizer = policy::train_tokenizer(["one two three"].into_iter(), 261).expect("a tokenizer");
    let folder = tempfile::tempdir().expect("a folder");
    policy::write_folder(folder.path(), &decoder, &tokenizer, policy::CHAT_TEMPLATE, "<|im_end|>").expect("written");
    Policy::load(folder.path(), Placement::CPU).expect("a policy")
}
