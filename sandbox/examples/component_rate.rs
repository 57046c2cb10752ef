//! Verdicts a second of a verifier that is a WebAssembly component.
//!
//! ```text
//! cargo run --release -p sandbox --example component_rate -- verifier.wasm [THREADS] [CALLS]
//! ```

use std::path::Path;
use std::time::Instant;

use sandbox::{ComponentLimits, ComponentMessage, ComponentQuestion, VerifierComponent};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name the component's file")?;
    let num_threads: usize = arguments.next().map_or(Ok(2), |text| text.parse())?;
    let num_calls: usize = arguments.next().map_or(Ok(10_000), |text| text.parse())?;

    let began = Instant::now();
    let limits = ComponentLimits { fuel: 1_000_000_000, memory_bytes: 64 << 20 };
    let component = VerifierComponent::load(Path::new(&file), limits)?;
    println!("loaded in {:.2} s", began.elapsed().as_secs_f64());

    let conversation = [ComponentMessage { role: "user", content: "What is 2 + 2?" }];
    let question = ComponentQuestion {
        task: r#"{"id": "t", "task": "math"}"#,
        conversation: &conversation,
        completion: "<think>Two and two.</think>The answer is 4.",
        thinking: Some("Two and two."),
        answer: "The answer is 4.",
        turns: "[]",
        finish_reason: "stop",
        ground_truth: r#""4""#,
        metadata: "{}",
        ..ComponentQuestion::default()
    };
    println!("{:?}", component.verify(&question)?);

    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..num_threads {
            scope.spawn(|| (0..num_calls / num_threads).filter(|_| component.verify(&question).is_err()).count());
        }
    });
    let rate = num_calls as f64 / began.elapsed().as_secs_f64();
    println!("{num_calls} verdicts on {num_threads} threads: {rate:.0} a second");
    Ok(())
}
