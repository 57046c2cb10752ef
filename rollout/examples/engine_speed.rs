//! Tokens a second of an engine on random weights, on the CPU.
//!
//! `cargo run --release --package rollout --example engine_speed CONFIG [PROMPTS SAMPLES PROMPT_TOKENS NEW_TOKENS
//! RUNS]`, where CONFIG is a `config.json`. Samples of a prompt share its tokens. `OMP_NUM_THREADS` says how many
//! threads there are.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use policy::{Decoder, ModelConfig, Placement, Texts};
use rollout::{CacheTokens, Engine, EngineOptions, RolloutRequest, SamplingParams};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("the path of a config.json");
    let numbers: Vec<usize> = arguments.map(|number| number.parse().expect("whole numbers")).collect();
    let number = |at: usize, default: usize| numbers.get(at).copied().unwrap_or(default);
    let (prompts, samples) = (number(0, 64), number(1, 1));
    let (prompt_tokens, max_new_tokens) = (number(2, 64), number(3, 256));
    let config = ModelConfig::from_file(Path::new(&path)).expect("a config");
    let decoder = Decoder::random(&config, 0, Placement::CPU);
    let params = Arc::new(SamplingParams { max_new_tokens, ignore_eos: true, ..SamplingParams::default() });
    let num_tokens = prompts * samples * (prompt_tokens + max_new_tokens + 32);
    let cache_tokens = CacheTokens::Tokens(num_tokens.next_multiple_of(16));
    let options = EngineOptions { max_sequences: prompts * samples, cache_tokens, ..EngineOptions::default() };
    let texts = texts();
    for _ in 0..number(4, 3) {
        let mut engine = Engine::new(&config, Placement::CPU, &options, texts.clone()).expect("an engine");
        for (draw, sample) in (0..prompts).flat_map(|draw| (0..samples).map(move |sample| (draw, sample))) {
            let id = |at: usize| ((at * 97 + draw * 31 + 7) % config.vocab_size as usize) as u32;
            let prompt_ids = (0..prompt_tokens).map(id).collect();
            let (draw, sample, params) = (draw as u64, sample as u64, params.clone());
            engine
                .submit(RolloutRequest { draw, sample, label: None, prompt_ids, thinking_open: false, params })
                .expect("a request");
        }
        let started = Instant::now();
        while !engine.is_idle() {
            engine.step(&decoder, 0).expect("a step");
        }
        let seconds = started.elapsed().as_secs_f64();
        let (stats, work) = (engine.take_stats(), engine.take_work());
        let parts = [work.products, work.attention, work.head, work.sampling, work.scheduling].map(|x| x.as_secs_f64());
        let [products, attention, head, sampling, scheduling] = parts;
        println!(
            "{:.0} tokens/s, decoding {:.0}, prefill {:.0}; {seconds:.2} s: products {products:.2}, attention \
             {attention:.2}, head {head:.2}, sampling {sampling:.2}, scheduling {scheduling:.2}, rest {:.2}",
            stats.num_completion_tokens as f64 / seconds,
            stats.num_completion_tokens as f64 / stats.decode_seconds,
            stats.num_prefill_tokens as f64 / stats.prefill_seconds.max(f64::MIN_POSITIVE),
            seconds - parts.iter().sum::<f64>()
        );
    }
}

/// Texts of a few words, for completions that nobody reads.
fn texts() -> Arc<Texts> {
    let json = serde_json::json!({
        "model_type": "qwen2", "vocab_size": 272, "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1,
        "num_attention_heads": 1, "num_key_value_heads": 1, "max_position_embeddings": 8,
    });
    let decoder = Decoder::random(&ModelConfig::from_json(&json).expect("a config"), 0, Placement::CPU);
    let tokenizer = policy::train_tokenizer(["one two three"].into_iter(), 261).expect("a tokenizer");
    let folder = tempfile::tempdir().expect("a folder");
    policy::write_folder(folder.path(), &decoder, &tokenizer, policy::CHAT_TEMPLATE, "<|im_end|>").expect("written");
    Arc::new(Texts::load(folder.path()).expect("texts"))
}
