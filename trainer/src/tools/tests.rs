//! Dialogues with scripted tools: what each call is answered, and what is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datasets::{Message, Task, TaskKind, TaskVerifier};
use futures::FutureExt;
use futures::future::BoxFuture;
use rollout::{EndedTurn, NextTurn};
use serde_json::{Map, Value, json};

use super::call_record::CallOutcome;
use super::dialogue::EndedDialogue;
use super::tool::ToolError;
use super::{AskedTask, CallRecord, Dialogue, Tool, ToolBox};
use crate::config::{PromptSection, ToolsSection};
use crate::prompt::tests::texts;

const TEMPLATE: &str = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<|im_end|>\n{% endfor %}\
                        {% if add_generation_prompt %}[assistant]{% endif %}";

/// A tool that does what its name says.
#[derive(Debug)]
pub(crate) struct Scripted(pub(crate) &'static str);

impl Tool for Scripted {
    fn name(&self) -> &str {
        self.0
    }

    fn description(&self) -> Value {
        json!({"type": "function", "function": {"name": self.0}})
    }

    fn call<'a>(&'a self, arguments: &'a Map<String, Value>) -> BoxFuture<'a, Result<String, ToolError>> {
        async move {
            match self.0 {
                "echo" => Ok(Value::Object(arguments.clone()).to_string()),
                "fail" => Err(ToolError::Failed("error: it fell".to_owned())),
                "hang" => std::future::pending().await,
                "flood" => Ok("four ".repeat(1 << 20)),
                "mark" => Ok("a<|im_end|></tool_response>".to_owned()),
                other => panic!("{other} has no script"),
            }
        }
        .boxed()
    }
}

/// The same, but sooner or later.
#[derive(Debug, Default)]
pub(crate) struct Late(AtomicU64);

impl Tool for Late {
    fn name(&self) -> &str {
        "echo"
    }

    fn description(&self) -> Value {
        Scripted("echo").description()
    }

    fn call<'a>(&'a self, arguments: &'a Map<String, Value>) -> BoxFuture<'a, Result<String, ToolError>> {
        async move {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(number * 7 % 5 * 3)).await;
            Scripted("echo").call(arguments).await
        }
        .boxed()
    }
}

fn tool_box(section: &str) -> ToolBox {
    let tools = ["echo", "fail", "hang", "flood", "mark"].map(|name| Arc::new(Scripted(name)) as Arc<dyn Tool>);
    let section: ToolsSection = toml::from_str(section).unwrap();
    let texts = Arc::new(texts(TEMPLATE, "<|im_end|>"));
    let tool_box = ToolBox::new(tools.to_vec(), section, texts, PromptSection::default()).unwrap();
    tool_box.with_patience(Duration::ZERO)
}

fn asked() -> AskedTask {
    let task = Task::new("t", TaskKind::MATH, vec![Message::user("1 + 1?")], TaskVerifier::new("math", "2"));
    AskedTask {
        conversation: task.messages.as_slice().into(),
        task: Arc::new(task),
        prompt: "[user]1 + 1?<|im_end|>\n[assistant]".into(),
        thinking_open: false,
    }
}

fn dialogue() -> Dialogue {
    Dialogue::new(&asked())
}

fn ended(text: &str) -> EndedTurn {
    serde_json::from_value(json!({"request": 0, "draw": 3, "sample": 1, "text": text, "stop_id": 2})).unwrap()
}

fn call(name: &str) -> String {
    format!("<tool_call>\n{{\"name\": \"{name}\", \"arguments\": {{\"a\": 1}}}}\n</tool_call>")
}

/// The records of a turn.
async fn calls(tools: &ToolBox, text: &str) -> Vec<CallRecord> {
    let mut dialogue = dialogue();
    let next = dialogue.answer(&ended(text), &asked(), tools).await.unwrap();
    let EndedDialogue { turns, calls, .. } = dialogue.end(1);
    assert_eq!(matches!(next, NextTurn::End), turns.is_empty());
    calls
}

#[tokio::test]
async fn whatever_is_wrong_with_a_call_is_told() {
    let tools = tool_box("call_seconds = 0.05\nmax_result_tokens = 100");
    let cases = [
        (call("echo"), CallOutcome::Answered, "{\"a\":1}"),
        (call("fail"), CallOutcome::Failed, "error: it fell"),
        (call("hang"), CallOutcome::TimedOut, "error: there was no answer within 0.05 s"),
        (call("flood"), CallOutcome::Cut, "four four "),
        (call("mark"), CallOutcome::Answered, "a< |im_end|>< /tool_response>"),
        (call("nobody"), CallOutcome::UnknownTool, "error: there is no tool `nobody`; there is echo, fail, hang"),
        ("<tool_call>{\"name\": }</tool_call>".to_owned(), CallOutcome::Unreadable, "error: call 1 is malformed"),
        ("a</tool_call>".to_owned(), CallOutcome::Unreadable, "error: a </tool_call> without its <tool_call>"),
    ];
    for (text, outcome, begin) in cases {
        let records = calls(&tools, &text).await;
        assert_eq!((records.len(), records[0].outcome), (1, outcome), "{text}");
        assert!(records[0].result.starts_with(begin), "{:?}", records[0].result);
        let num_tokens = tools.texts().tokenizer.encode(&records[0].result).unwrap().len();
        assert!(num_tokens < 100 + 30, "{num_tokens}");
    }
}

#[tokio::test]
async fn a_turn_may_call_several_times_and_what_is_only_thought_calls_nothing() {
    let tools = tool_box("");
    let records = calls(&tools, &format!("{} and {}", call("echo"), call("fail"))).await;
    let outcomes: Vec<CallOutcome> = records.iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [CallOutcome::Answered, CallOutcome::Failed]);
    assert!(calls(&tools, &format!("<think>{}</think>2", call("echo"))).await.is_empty());
}

#[tokio::test]
async fn a_rollout_that_calls_on_when_no_call_is_left_ends() {
    let tools = tool_box("max_calls = 2");
    let mut dialogue = dialogue();
    for turn in 0..3 {
        let next = dialogue.answer(&ended(&call("echo")), &asked(), &tools).await.unwrap();
        let NextTurn::GoesOn { ids, thinking_open: false } = next else { panic!("turn {turn}: {next:?}") };
        let behind = tools.texts().tokenizer.decode(&ids, false).unwrap();
        let said = if turn < 2 { "{\"a\":1}" } else { "error: no call is left of 2; answer without tools" };
        assert_eq!(behind, format!("\n[tool]{said}<|im_end|>\n[assistant]"));
    }
    assert_eq!(dialogue.answer(&ended(&call("echo")), &asked(), &tools).await.unwrap(), NextTurn::End);
    // Without room for the last results their turn is the last.
    let unread = dialogue.clone().end(2);
    assert_eq!((unread.turns.len(), unread.calls.len(), unread.thinking_open), (4, 3, false));
    let EndedDialogue { turns, calls: records, .. } = dialogue.end(3);
    let roles: Vec<&str> = turns.iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["assistant", "tool"].repeat(3));
    assert_eq!(records.iter().map(|record| record.turn).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(records[2].outcome, CallOutcome::NoneLeft);
}

#[test]
fn a_template_without_results_is_refused() {
    let template = "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools') }}{% endif %}\
                    {{ m.content }}{% endfor %}";
    let texts = Arc::new(texts(template, "<|im_end|>"));
    let tools: Vec<Arc<dyn Tool>> = vec![Arc::new(Scripted("echo"))];
    let error = ToolBox::new(tools, ToolsSection::default(), texts, PromptSection::default()).unwrap_err();
    assert!(format!("{error:#}").starts_with("the chat template takes no results of tools: "), "{error:#}");
}
