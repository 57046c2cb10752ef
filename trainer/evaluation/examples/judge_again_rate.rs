//! How fast stored maths samples are judged again and summed up, beside the verifier alone on as many threads.
//!
//! `cargo run --release -p evaluation --example judge_again_rate [SAMPLES]`

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use evaluation::{
    EvalResult, EvaluationRecord, FinishedRecord, SampledCompletion, Suite, SuiteSource, TaskChoice, judge,
};
use futures::FutureExt;
use rayon::prelude::*;
use verifiers::{Judged, MathVerifier, Verifier, Verifiers, VerifiersConfig};

const SAMPLES_PER_TASK: u32 = 64;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let num_samples: u32 = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    let num_tasks = num_samples.div_ceil(SAMPLES_PER_TASK);
    let folder = tempfile::tempdir()?;
    let tasks: Vec<String> = (0..num_tasks)
        .map(|id| {
            let question = format!("What is the sum of 1/{} and {id}?", id + 2);
            let key = format!("{}/{}", 1 + id * (id + 2), id + 2);
            let line = serde_json::json!({"id": format!("t{id}"), "task": "math", "verifier": "math",
                "messages": [{"role": "user", "content": question}], "ground_truth": key});
            line.to_string()
        })
        .collect();
    let data = folder.path().join("tasks.jsonl");
    std::fs::write(&data, tasks.join("\n"))?;
    let suite = Suite::parse(
        &format!(
            "name = \"sums\"\ntitle = \"\"\nlicence = \"\"\n[protocol]\nsamples = {SAMPLES_PER_TASK}\n\
             temperature = 0.6\ntop_p = 1.0\ntop_k = 0\nmax_new_tokens = 512\n[sources]\n"
        ),
        "sums",
    )?;
    let (tasks, settings) = SuiteSource::new([&data]).tasks(suite, TaskChoice::default())?;
    let verifier = Arc::new(MathVerifier::new(VerifiersConfig::default().math));
    let mut verifiers = Verifiers::default();
    verifiers.register(verifier.clone());

    let place = folder.path().join("record");
    let mut record = EvaluationRecord::open(&place, &settings)?;
    let mut judged = Vec::new();
    for (place, index) in record.missing(&tasks) {
        let task = &tasks.tasks[place];
        let reasoning = "We bring both to one denominator and add. ".repeat(12);
        let answer = if index % 3 == 0 {
            format!("\\frac{{{}}}{{{}}}", 1 + place * (place + 2), place + 2)
        } else {
            format!("{}", index % 7)
        };
        let text = format!("{reasoning}So the sum is $\\boxed{{{answer}}}$.");
        judged.push(Judged::new(task.task.clone(), text.as_str()));
        let row = judge(&verifiers, "sums", task, index, SampledCompletion::of_text(text)).await;
        record.append(&row, 0.0)?;
    }
    record.finish(&tasks)?;

    let started = Instant::now();
    let num_passed = judged
        .par_iter()
        .filter(|one| {
            verifier.verify(one).now_or_never().is_some_and(|verdict| verdict.is_ok_and(|verdict| verdict.passed()))
        })
        .count();
    let alone = judged.len() as f64 / started.elapsed().as_secs_f64();
    println!("the verifier alone: {alone:.0} samples a second ({num_passed} of {} pass)", judged.len());

    let started = Instant::now();
    let again = FinishedRecord::open(&place)?.judge_again(&verifiers, &tasks, &settings).await?;
    let judged_again = started.elapsed().as_secs_f64();
    let result = EvalResult::of(&again.tally, Some(&verifiers), again.settings, 0.0)?;
    let whole = judged.len() as f64 / started.elapsed().as_secs_f64();
    println!(
        "judged again and summed up: {whole:.0} samples a second, {:.2} of the verifier's rate ({judged_again:.1} s to \
         judge, {:.1} s in all; pass@1 {:.4})",
        whole / alone,
        started.elapsed().as_secs_f64(),
        result.summary.pass_at_1
    );
    Ok(())
}
