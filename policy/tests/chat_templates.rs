//! Parity with transformers' `apply_chat_template`: the cases of `tests/golden/chat_templates`, and where the shared
//! goldens are there also those of published templates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use policy::{ChatTemplate, Conversation};
use serde_json::{Map, Value};

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Renders every case of a folder; returns the number of cases, and the cases that differ.
fn differences(folder: &Path) -> (usize, Vec<String>) {
    let conversations = json(&folder.join("conversations.json"));
    let templates = json(&folder.join("templates.json"));
    let date = templates["now"].as_str().unwrap().parse().unwrap();
    let (mut num_cases, mut differences) = (0, Vec::new());
    for (name, about) in templates["templates"].as_object().unwrap() {
        let source = std::fs::read_to_string(folder.join(format!("{name}.jinja"))).unwrap();
        let tokens: BTreeMap<String, String> = ["bos_token", "eos_token"]
            .iter()
            .filter_map(|token| Some(((*token).to_owned(), about[*token].as_str()?.to_owned())))
            .collect();
        let template = ChatTemplate::new(&source, tokens).unwrap();
        for case in json(&folder.join(format!("{name}.json"))).as_array().unwrap() {
            num_cases += 1;
            let text = |field: &str| case[field].as_str();
            let place = format!("{name}, {}", text("name").unwrap());
            let messages = conversations["conversations"][text("conversation").unwrap()].as_array().unwrap();
            let tools = text("tools").map(|tools| &conversations["tools"][tools]);
            let none = Map::new();
            let rendered = template.render(&Conversation {
                tools,
                arguments: Some(case["variables"].as_object().unwrap_or(&none)),
                date: Some(date),
                add_generation_prompt: case["add_generation_prompt"].as_bool().unwrap(),
                ..Conversation::prompt(messages)
            });
            match (rendered, text("expected"), text("error_kind")) {
                (Ok(rendered), Some(expected), _) => {
                    if rendered.text != expected {
                        differences.push(format!("{place}:\n{}\nexpected\n{expected}", rendered.text));
                    }
                    let in_chars = |at: usize| rendered.text[..at].chars().count();
                    let spans = rendered.generated.map(|spans| {
                        spans.iter().map(|span| vec![in_chars(span.start), in_chars(span.end)]).collect::<Vec<_>>()
                    });
                    let expected: Option<Vec<Vec<usize>>> = case
                        .get("generation_spans")
                        .filter(|spans| !spans.is_null())
                        .map(|spans| serde_json::from_value(spans.clone()).unwrap());
                    if spans != expected {
                        differences.push(format!("{place}: spans {spans:?}, expected {expected:?}"));
                    }
                }
                (Err(error), None, Some("raised")) => {
                    let expected = text("error").unwrap();
                    if !error.to_string().contains(expected) {
                        differences.push(format!("{place}: {error}, expected {expected}"));
                    }
                }
                (Err(_), None, Some(_)) => {}
                (rendered, expected, error) => {
                    differences.push(format!("{place}: {rendered:?}, expected {expected:?} {error:?}"));
                }
            }
        }
    }
    (num_cases, differences)
}

#[test]
fn small_templates_render_as_in_transformers() {
    let (num_cases, differences) = differences(&folder("../tests/golden/chat_templates"));
    assert!(differences.is_empty(), "{} of {num_cases} differ:\n{}", differences.len(), differences.join("\n\n"));
    assert!(num_cases > 0);
}

#[test]
fn published_templates_render_as_in_transformers() {
    let folder = folder("../../shared/goldens/values/chat_templates");
    if !folder.is_dir() {
        eprintln!("{} is not there: nothing is compared", folder.display());
        return;
    }
    let (num_cases, differences) = differences(&folder);
    assert!(differences.is_empty(), "{} of {num_cases} differ:\n{}", differences.len(), differences.join("\n\n"));
    assert!(num_cases > 200, "{num_cases}");
}
