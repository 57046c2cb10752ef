//! Small Python programs: a few operations on one whole number, one after the other.
//!
//! Each problem multiplies after an addition or subtraction. The careless completion writes the
//! operations in a row without parentheses and so computes another function: the careful
//! program's slope in x has one factor more, hence the two agree on at most one input.

use random::KeyedRng;
use serde_json::{Value, json};

use super::config::CodeConfig;
use super::problem::{Problem, task};
use crate::task::{Task, TaskKind};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    operator: Operator,
    number: i64,
}

impl Operation {
    fn draw(rng: &mut KeyedRng) -> Self {
        let operators = [Operator::Add, Operator::Subtract, Operator::Multiply];
        let operator = rng.choose(&operators);
        let number = match operator {
            Operator::Multiply => 2 + rng.below(8),
            Operator::Add | Operator::Subtract => 1 + rng.below(9),
        };
        Self { operator, number: number as i64 }
    }

    fn apply(self, value: i64) -> i64 {
        match self.operator {
            Operator::Add => value + self.number,
            Operator::Subtract => value - self.number,
            Operator::Multiply => value * self.number,
        }
    }

    fn words(self) -> String {
        let words = match self.operator {
            Operator::Add => "add",
            Operator::Subtract => "subtract",
            Operator::Multiply => "multiply by",
        };
        format!("{words} {}", self.number)
    }

    fn python(self) -> String {
        let sign = match self.operator {
            Operator::Add => '+',
            Operator::Subtract => '-',
            Operator::Multiply => '*',
        };
        format!("{sign} {}", self.number)
    }
}

/// The form of program that the prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A function `f(x)`.
    Function,
    /// A program that reads x and prints the result.
    Program,
}

#[derive(Clone, Debug)]
pub(super) struct CodeProblem {
    form: Form,
    operations: Vec<Operation>,
    /// The values of x on which programs are judged, ascending.
    inputs: Vec<i64>,
}

impl CodeProblem {
    /// A problem drawn from `rng`; the settings are valid ones.
    pub(super) fn draw(config: &CodeConfig, rng: &mut KeyedRng) -> Self {
        let form = if rng.chance(config.function_share) { Form::Function } else { Form::Program };
        let spread = (config.max_operations - config.min_operations + 1) as u64;
        let num_operations = config.min_operations + rng.below(spread) as usize;
        let operations = loop {
            let drawn: Vec<Operation> = (0..num_operations).map(|_| Operation::draw(rng)).collect();
            if needs_parentheses(&drawn) {
                break drawn;
            }
        };
        let mut inputs: Vec<i64> = (0..20).collect();
        rng.shuffle(&mut inputs);
        inputs.truncate(config.num_tests);
        inputs.sort_unstable();
        Self { form, operations, inputs }
    }

    fn value(&self, x: i64) -> i64 {
        let operations = self.operations.iter();
        operations.fold(x, |value, operation| operation.apply(value))
    }

    fn nested(&self) -> String {
        let mut expression = "x".to_owned();
        for (index, operation) in self.operations.iter().enumerate() {
            if index > 0 {
                expression = format!("({expression})");
            }
            expression = format!("{expression} {}", operation.python());
        }
        expression
    }

    fn flat(&self) -> String {
        let operations = self.operations.iter();
        operations.fold("x".to_owned(), |expression, operation| format!("{expression} {}", operation.python()))
    }

    fn completion(&self, thought: &str, expression: &str) -> String {
        let program = match self.form {
            Form::Function => format!("def f(x):\n    return {expression}"),
            Form::Program => format!("x = int(input())\nprint({expression})"),
        };
        format!("<think>\n{thought}\n</think>\n\n```python\n{program}\n```")
    }

    fn ground_truth(&self) -> Value {
        let cases = self.inputs.iter().map(|&x| (x, self.value(x)));
        match self.form {
            Form::Function => {
                let tests: Vec<String> = cases.map(|(x, value)| format!("assert f({x}) == {value}")).collect();
                json!({"setup": "", "tests": tests})
            }
            Form::Program => {
                let cases: Vec<Value> = cases
                    .map(|(x, value)| json!({"input": format!("{x}\n"), "output": format!("{value}\n")}))
                    .collect();
                json!({"cases": cases})
            }
        }
    }
}

impl Problem for CodeProblem {
    fn essence(&self) -> String {
        self.flat()
    }

    fn prompt(&self) -> String {
        let words: Vec<String> = self.operations.iter().map(|it| it.words()).collect();
        let words = words.join(", ");
        match self.form {
            Form::Function => format!("Write f(x): {words}."),
            Form::Program => format!("Read x and print: {words}."),
        }
    }

    fn careful(&self, _rng: &mut KeyedRng) -> String {
        self.completion("parentheses", &self.nested())
    }

    fn careless(&self, _rng: &mut KeyedRng) -> String {
        self.completion("quick", &self.flat())
    }

    fn task(&self, id: String) -> Task {
        let verifier = match self.form {
            Form::Function => "code_asserts",
            Form::Program => "code_stdio",
        };
        Task {
            meta: Some(json!({"num_operations": self.operations.len()})),
            ..task(id, TaskKind::CODE, self.prompt(), verifier, self.ground_truth())
        }
    }
}

/// True where a multiplication follows an addition or subtraction.
fn needs_parentheses(operations: &[Operation]) -> bool {
    operations
        .iter()
        .skip_while(|operation| operation.operator == Operator::Multiply)
        .any(|operation| operation.operator == Operator::Multiply)
}
