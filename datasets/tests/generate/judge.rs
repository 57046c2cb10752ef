//! Judges the rules that the prompts carry, after their descriptions in IFEval.

use serde_json::Value;

/// One answer a rule.
pub(crate) fn keeps_rules(ground_truth: &Value, completion: &str) -> Vec<bool> {
    let ids = ground_truth["instruction_id_list"].as_array().unwrap();
    let kwargs = ground_truth["kwargs"].as_array().unwrap();
    assert_eq!(ids.len(), kwargs.len());
    ids.iter().zip(kwargs).map(|(id, kwargs)| keeps(id.as_str().unwrap(), kwargs, completion)).collect()
}

fn keeps(id: &str, kwargs: &Value, completion: &str) -> bool {
    let words: Vec<String> = completion
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let has_word = |word: &Value| words.iter().any(|it| it == word.as_str().unwrap());
    let lines: Vec<&str> = completion.lines().map(str::trim).collect();
    match id {
        "change_case:english_lowercase" => !completion.contains(char::is_uppercase),
        "change_case:english_capital" => !completion.contains(char::is_lowercase),
        "punctuation:no_comma" => !completion.contains(','),
        "startend:end_checker" => {
            let phrase = kwargs["end_phrase"].as_str().unwrap().to_lowercase();
            completion.to_lowercase().ends_with(&phrase)
        }
        "startend:quotation" => completion.len() > 1 && completion.starts_with('"') && completion.ends_with('"'),
        "keywords:existence" => kwargs["keywords"].as_array().unwrap().iter().all(has_word),
        "keywords:forbidden_words" => !kwargs["forbidden_words"].as_array().unwrap().iter().any(has_word),
        "length_constraints:number_words" => {
            let number = kwargs["num_words"].as_u64().unwrap() as usize;
            match kwargs["relation"].as_str().unwrap() {
                "at least" => words.len() >= number,
                "less than" => words.len() < number,
                other => panic!("relation {other}"),
            }
        }
        "detectable_format:number_bullet_lists" => {
            let bullets = lines.iter().filter(|line| line.starts_with('*') || line.starts_with('-'));
            bullets.count() as u64 == kwargs["num_bullets"].as_u64().unwrap()
        }
        "detectable_format:title" => lines.iter().any(|line| line.starts_with("<<") && line.ends_with(">>")),
        "detectable_content:postscript" => {
            let marker = kwargs["postscript_marker"].as_str().unwrap();
            lines.iter().any(|line| line.to_uppercase().starts_with(marker))
        }
        other => panic!("no rule {other}"),
    }
}
