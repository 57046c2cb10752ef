//! Templates by their text; parity with transformers is tested in `tests/chat_templates.rs`.

use serde_json::json;

use super::*;

fn render(source: &str, messages: &[Json]) -> String {
    let tokens = [("bos_token".to_owned(), "<s>".to_owned())].into();
    ChatTemplate::new(source, tokens).unwrap().render(&Conversation::prompt(messages)).unwrap().text
}

#[test]
fn renders_chatml() {
    assert_eq!(
        render(crate::CHAT_TEMPLATE, &[json!({"role": "user", "content": "1 + 1?"})]),
        "<|im_start|>user\n1 + 1?<|im_end|>\n<|im_start|>assistant\n"
    );
}

#[test]
fn a_template_may_refuse() {
    let template = ChatTemplate::new("\n{{ raise_exception('no system turn') }}", BTreeMap::new()).unwrap();
    let error = template.render(&Conversation::prompt(&[])).unwrap_err().to_string();
    assert_eq!(error, "chat template: no system turn (line 2)");
}

#[test]
fn numbers_are_numbers() {
    let turn = json!({"role": "user", "content": {"n": 0, "big": 1.5e49}});
    assert_eq!(render("{{ messages[0].content | tojson }}", &[turn]), r#"{"n": 0, "big": 1.5e+49}"#);
    let long: Json = serde_json::from_str("[1e400, -1, 123456789012345678901234567890123456789012345]").unwrap();
    let turn = json!({"role": "user", "content": long});
    assert_eq!(
        render("{{ messages[0].content | tojson }} {{ messages[0].content[2] is integer }}", &[turn]),
        "[Infinity, -1, 123456789012345678901234567890123456789012345] True"
    );
}

#[test]
fn a_token_that_is_not_set_is_undefined() {
    assert_eq!(
        render("{{ bos_token }}{{ eos_token }}{{ eos_token is defined }}{{ tools is none }}", &[]),
        "<s>FalseTrue"
    );
}

#[test]
fn named_templates_are_chosen_as_transformers_chooses() {
    let sources = [("default", "plain"), ("tool_use", "tools"), ("rag", "documents")];
    let sources = sources.map(|(name, source)| (name.to_owned(), source.to_owned()));
    let template = ChatTemplate::named(sources.into(), BTreeMap::new()).unwrap();
    let tools = json!([]);
    let plain = Conversation::prompt(&[]);
    let text = |conversation: &Conversation<'_>| template.render(conversation).map(|rendered| rendered.text);
    assert_eq!(text(&plain).unwrap(), "plain");
    assert_eq!(text(&Conversation { tools: Some(&tools), ..plain }).unwrap(), "tools");
    assert_eq!(text(&Conversation { template: Some("rag"), ..plain }).unwrap(), "documents");
    let error = text(&Conversation { template: Some("reg"), ..plain }).unwrap_err().to_string();
    assert!(error.contains("default, rag, tool_use"), "{error}");
}

#[test]
fn thinking_is_found_under_any_of_its_names() {
    let source = "{% for m in messages %}{{ m.reasoning_content }}|{{ m.content is defined }};{% endfor %}";
    let turns = [
        json!({"role": "assistant", "content": null, "thinking": "a"}),
        json!({"role": "assistant", "content": "x", "reasoning": "b"}),
        json!({"role": "assistant", "content": "x", "reasoning_content": "c", "reasoning": "d"}),
    ];
    assert_eq!(render(source, &turns), "a|False;b|True;c|True;");
}

#[test]
fn arguments_reach_the_template() {
    let template = ChatTemplate::new("{{ enable_thinking is false }} {{ n + 1 }}", BTreeMap::new()).unwrap();
    let Json::Object(arguments) = json!({"enable_thinking": false, "n": 2}) else { unreachable!() };
    let conversation = Conversation { arguments: Some(&arguments), ..Conversation::prompt(&[]) };
    assert_eq!(template.render(&conversation).unwrap().text, "True 3");
}
