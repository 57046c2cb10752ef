//! docs/metrics.md says what the vocabulary of metrics says.

use std::fmt::Write;
use std::path::Path;

use record::names::METRICS;

/// Set to anything, this variable makes the test write the document anew.
const RENEW: &str = "RENEW_DOCS";

#[test]
fn the_document_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let wanted = document();
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "docs/metrics.md differs from trainer/record/src/names.rs; renew it with\n\
         {RENEW}=1 cargo test -p record --test metrics_document"
    );
}

fn document() -> String {
    let mut text = format!(
        "# Metrics\n\n\
         Each line of a run's `metrics.jsonl` is one step: `step`, then the metrics below that were\n\
         measured in it. A part in braces stands for any name. The panel is the chart of `trainer report`\n\
         that shows the metric.\n\n\
         This file is written from `trainer/record/src/names.rs`: change the table there, then run\n\
         `{RENEW}=1 cargo test -p record --test metrics_document`.\n\n\
         | metric | unit | panel | meaning |\n| --- | --- | --- | --- |\n"
    );
    for metric in METRICS {
        let _ = writeln!(text, "| `{}` | {} | {} | {} |", metric.name, metric.unit, metric.panel, metric.meaning);
    }
    text
}
