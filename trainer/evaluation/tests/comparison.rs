//! Two results: compared where they are of the same tasks under the same protocol, refused by name where not.

use evaluation::compare_results;

use crate::support::{math_file, result_of, suite, tasks_of};

#[tokio::test]
async fn results_are_paired_by_task_and_other_protocols_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = math_file(folder.path(), &[("a", "1 + 1?", "2"), ("b", "2 + 2?", "4")]);
    let (tasks, settings) = tasks_of(suite("", ""), &path);
    let one = [result_of(&tasks, &settings, &[&["\\boxed{2}"], &["\\boxed{3}"]]).await];
    let mut later = settings.clone();
    later.seed = 3;
    let two = [result_of(&tasks, &later, &[&["\\boxed{2}"], &["\\boxed{4}"]]).await];
    let compared = compare_results(&one, &two, None, false).unwrap();
    assert_eq!((compared[0].comparison.num_tasks, compared[0].comparison.gained), (2, 1));
    assert_eq!(compared[0].named, ["seed: 0 there, 3 here"]);

    let (tasks, settings) = tasks_of(suite("", "max_new_tokens = 128"), &path);
    let other = [result_of(&tasks, &settings, &[&["\\boxed{2}"], &["\\boxed{4}"]]).await];
    let text = compare_results(&one, &other, None, false).unwrap_err().to_string();
    assert!(text.contains("protocol.max_new_tokens: 64 there, 128 here") && text.contains("--anyway"), "{text}");
    let anyway = compare_results(&one, &other, None, true).unwrap();
    assert_eq!(anyway[0].forbidding, ["protocol.max_new_tokens: 64 there, 128 here"]);

    let path = math_file(folder.path(), &[("a", "1 + 1?", "3"), ("b", "2 + 2?", "4")]);
    let (tasks, settings) = tasks_of(suite("", ""), &path);
    let other = [result_of(&tasks, &settings, &[&["\\boxed{2}"], &["\\boxed{4}"]]).await];
    assert!(compare_results(&one, &other, None, false).unwrap_err().to_string().contains("tasks: xxh3"));
}
