//! Files of a suite: which belong to the version, and what is asked of each published layout.

use evaluation::{SuiteSource, TaskChoice, select};

use crate::support::{file, math_file};

#[test]
fn a_file_of_another_layout_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let lines =
        [r#"{"prompt": "x", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}], "key": 1}"#.to_owned()];
    let path = file(folder.path(), "if.jsonl", &lines);
    let suite = select("gsm8k").unwrap().suites.remove(0);
    let error = SuiteSource::new([&path]).tasks(suite, TaskChoice::default()).unwrap_err().to_string();
    assert!(error.contains("gsm8k"), "{error}");
}

#[test]
fn a_persons_own_tasks_are_asked_by_any_suite() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &[("a", "1 + 1?", "2")]);
    let suite = select("gsm8k").unwrap().suites.remove(0);
    let (tasks, settings) = SuiteSource::new([&path]).tasks(suite, TaskChoice::default()).unwrap();
    assert!(tasks.tasks[0].conversation[0].content.ends_with("put your final answer within \\boxed{}."));
    assert_eq!((settings.layout.as_str(), settings.data.len()), ("ponder_tasks", 1));
    assert_eq!(tasks.marks, ["1 rows, where the set has 1319"]);
}

/// Suite, file or folder of the samples of published layouts, number of tasks, first id, an end of its prompt.
const PUBLISHED: [(&str, &str, usize, &str, &str); 31] = [
    (
        "aime24",
        "aime_2024_h4.parquet",
        2,
        "60",
        "Find $a$.\n\nPlease reason step by step, and put your final answer within \\boxed{}.",
    ),
    ("aime24", "aime_2024_maxwell.parquet", 2, "2024-I-1", "within \\boxed{}."),
    ("aime24", "aime24_math_ai.parquet", 1, "60", "within \\boxed{}."),
    ("aime24", "qwq/aime24.jsonl", 1, "0", "put the result in \\boxed{}."),
    ("aime25", "aime_2025_opencompass", 3, "0", "within \\boxed{}."),
    ("aime25", "aime25_math_ai.jsonl", 2, "0", "within \\boxed{}."),
    ("math500", "math_500.jsonl", 3, "test/prealgebra/9001.json", "within \\boxed{}."),
    ("gsm8k", "gsm8k.parquet", 2, "0", "within \\boxed{}."),
    ("gsm8k", "gsm8k_github.jsonl", 2, "0", "within \\boxed{}."),
    ("amc23", "amc23_math_ai.parquet", 2, "0", "within \\boxed{}."),
    ("amc23", "amc_ai_mo.parquet", 2, "0", "within \\boxed{}."),
    ("amc23", "amc23_qwen.jsonl", 1, "0", "within \\boxed{}."),
    ("minerva", "minerva_math_qwen.jsonl", 2, "0", "within \\boxed{}."),
    ("minerva", "minervamath_math_ai.jsonl", 1, "0", "within \\boxed{}."),
    ("olympiadbench", "olympiadbench_OE_TO_maths_en_COMP.json", 3, "9001", "within \\boxed{}."),
    ("olympiadbench", "olympiadbench_hothan.parquet", 3, "9001", "within \\boxed{}."),
    ("humaneval", "HumanEval.jsonl.gz", 1, "HumanEval/0", "    \"\"\"\n```"),
    ("humaneval+", "HumanEvalPlus.jsonl.gz", 2, "HumanEval/0", "    \"\"\"\n```"),
    ("humaneval+", "humanevalplus.parquet", 1, "HumanEval/0", "    \"\"\"\n```"),
    ("mbpp", "mbpp.jsonl", 1, "11", "assert rep('ab', 3) == 'ababab'\n\nWrite the program in a markdown code block."),
    ("mbpp@sanitized", "sanitized-mbpp.json", 1, "11", "Write the program in a markdown code block."),
    ("mbpp+", "MbppPlus.jsonl.gz", 1, "Mbpp/2", "\"\"\"\n```"),
    ("mbpp+", "mbppplus.parquet", 1, "2", "assert below((1, 5, 9), (2, 6)) == 2\n```"),
    ("livecodebench@v2", "livecodebench", 3, "1999_B", "### Answer: (use the provided format with backticks)"),
    ("ifeval", "ifeval_input_data.jsonl", 2, "9000", "Do not use any commas."),
    ("mmlu", "mmlu.parquet", 1, "0", "A. 9\nB. 15\nC. 17\nD. 21\nAnswer:"),
    (
        "mmlu-pro",
        "mmlu_pro.parquet",
        2,
        "9000",
        "Options:\nA. 6\nB. 8\nC. 10\nD. 12\nAnswer: Let's think step by step.",
    ),
    ("gpqa", "gpqa_diamond.csv", 1, "recINVENTED000001", ""),
    ("arc", "arc.parquet", 2, "Invented_SC_1", "Question: Which of these melts first?\nAnswer:"),
    ("rewardbench", "reward_bench_filtered.parquet", 1, "9000", "What is 6 times 7?"),
    ("rewardbench2", "reward_bench_2.parquet", 3, "0", "Name a mammal."),
];

#[test]
fn every_published_layout_is_asked_as_its_suite_has_it() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/suites");
    for (name, file, num_tasks, id, end) in PUBLISHED {
        let suite = select(name).unwrap().suites.remove(0);
        let loaded = SuiteSource::new([golden.join(file)]).tasks(suite, TaskChoice::default());
        let (tasks, _) = loaded.unwrap_or_else(|error| panic!("{name}, {file}: {error}"));
        let first = &tasks.tasks[0];
        assert_eq!((tasks.tasks.len(), first.task.id.as_str()), (num_tasks, id), "{name}, {file}");
        let prompt = first.conversation.last().unwrap().content.trim_end();
        assert!(prompt.ends_with(end), "{name}, {file}: {prompt}");
        assert!(!prompt.contains("Canary"), "{name}");
        assert_eq!(first.conversation.iter().filter(|turn| turn.role == "user").count(), 1, "{name}, {file}");
    }
}

#[test]
fn bfcls_files_of_a_version_are_found_with_their_categories() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/suites/bfcl");
    let of = |name: &str| {
        let suite = select(name).unwrap().suites.remove(0);
        SuiteSource::new([&golden]).tasks(suite, TaskChoice::default()).unwrap().0
    };
    let categories: std::collections::BTreeSet<String> =
        of("bfcl").tasks.iter().map(|task| task.category.clone()).collect();
    assert_eq!(categories.len(), 6, "{categories:?}");
    assert_eq!(of("bfcl@v3").tasks.len(), 1);
}

#[test]
fn a_window_and_a_version_choose_tasks_and_their_count_is_said() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/suites/livecodebench");
    let of = |name: &str| {
        let suite = select(name).unwrap().suites.remove(0);
        SuiteSource::new([&golden]).tasks(suite, TaskChoice::default())
    };
    assert_eq!(of("livecodebench@v1").unwrap().0.tasks.len(), 2);
    let (tasks, _) = of("livecodebench@v5:2024-08-03..2024-08-10").unwrap();
    let ids: Vec<&str> = tasks.tasks.iter().map(|task| task.task.id.as_str()).collect();
    assert_eq!(ids, ["abc901_a", "9901"]);
    assert!(
        tasks.notes.iter().any(|note| note.contains("2 of 3 tasks from 2024-08-03..2024-08-10")),
        "{:?}",
        tasks.notes
    );
    assert!(of("livecodebench@v5:2030-01-01..2031-01-01").unwrap_err().to_string().contains("no task is left"));
}

/// Sets that are third parties' and no part of this project, in a folder `shared` beside the checkout.
const REAL: [(&str, &str); 6] = [
    ("gsm8k", "q_gsm8k_test.jsonl"),
    ("math500", "math500.jsonl"),
    ("aime24", "q_aime24_test.jsonl"),
    ("amc23", "q_amc23_test.jsonl"),
    ("minerva", "q_minerva_math_test.jsonl"),
    ("olympiadbench", "q_olympiadbench_test.jsonl"),
];

#[test]
fn the_published_sets_of_maths_have_the_rows_that_their_suites_say() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/math");
    for (name, file) in REAL {
        let path = folder.join(file);
        if !path.exists() {
            println!("not run: there is no file {}", path.display());
            continue;
        }
        let suite = select(name).unwrap().suites.remove(0);
        let loaded = SuiteSource::new([&path]).tasks(suite, TaskChoice::default());
        let (tasks, _) = loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(tasks.marks.is_empty(), "{name}: {:?}", tasks.marks);
    }
}
