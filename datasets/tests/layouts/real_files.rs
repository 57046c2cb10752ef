//! Real files of suites, where they lie beside the checkout.

use std::path::Path;

use datasets::DataSource;

#[test]
fn real_files_have_their_counts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/math");
    if !folder.is_dir() {
        println!("left out: {} is not there", folder.display());
        return;
    }
    for (name, layout, count) in [
        ("q_gsm8k_test.jsonl", "gsm8k", 1319),
        ("math500.jsonl", "math_500", 500),
        ("q_aime24_test.jsonl", "aime24_qwen", 30),
        ("q_amc23_test.jsonl", "amc23_qwen", 40),
        ("q_minerva_math_test.jsonl", "minerva_qwen", 272),
        ("q_olympiadbench_test.jsonl", "olympiadbench", 675),
    ] {
        let source = DataSource::new([folder.join(name)]);
        let loaded = source.tasks().unwrap();
        assert_eq!(loaded.layout.name, layout, "{name}");
        assert_eq!(loaded.unreadable, [], "{name}");
        assert_eq!(loaded.records.len(), count, "{name}");
    }
}
