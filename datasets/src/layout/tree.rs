//! Values of a layout's file, of which the texts are expressions.

use serde_json::{Map, Value};

use super::expression::{self, Columns, Node};
use super::fault::Fault;
use super::item::Item;

/// An expression with its text.
#[derive(Debug)]
pub(crate) struct Expression {
    text: String,
    node: Node,
}

impl Expression {
    /// The expression that a text says.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), node: expression::parse(text)? })
    }

    /// Its value for a row; null only where the expression says that it may be.
    pub(crate) fn value(&self, columns: &Columns<'_>) -> Result<Value, Fault> {
        let value = expression::evaluate(&self.node, columns).and_then(Item::into_json);
        match value {
            Ok(Value::Null) if !self.node.may_be_null() => Err(Fault::Value(format!("`{}` is empty", self.text))),
            Ok(value) => Ok(value),
            Err(fault) => Err(fault.within(&format!("`{}`", self.text))),
        }
    }

    /// True where it holds for a row.
    pub(crate) fn holds(&self, columns: &Columns<'_>) -> Result<bool, Fault> {
        expression::evaluate_condition(&self.node, columns).map_err(|fault| fault.within(&format!("`{}`", self.text)))
    }

    /// The text that was parsed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A value whose texts are expressions.
#[derive(Debug)]
pub(crate) enum Tree {
    Constant(Value),
    Expression(Expression),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
    /// `{ choose = [{ when, value }, …] }`: the value of the first condition that holds; the last needs none.
    Choose(Vec<(Option<Expression>, Tree)>),
}

impl Tree {
    /// Reads a value of TOML; the error names the part that is wrong.
    pub(crate) fn parse(value: &toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) => Expression::parse(text).map(Self::Expression),
            toml::Value::Array(items) => items.iter().map(Self::parse).collect::<Result<_, _>>().map(Self::List),
            toml::Value::Table(table) => match table.get("choose") {
                Some(toml::Value::Array(cases)) if table.len() == 1 => {
                    cases.iter().map(case).collect::<Result<_, _>>().map(Self::Choose)
                }
                _ => {
                    let entries = table.iter().map(|(key, value)| Ok((key.clone(), Self::parse(value)?)));
                    entries.collect::<Result<_, String>>().map(Self::Object)
                }
            },
            constant => serde_json::to_value(constant).map(Self::Constant).map_err(|error| error.to_string()),
        }
    }

    /// The value for a row. Entries of objects that may be null and are go.
    pub(crate) fn value(&self, columns: &Columns<'_>) -> Result<Value, Fault> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Expression(expression) => expression.value(columns),
            Self::List(items) => items.iter().map(|item| item.value(columns)).collect(),
            Self::Object(entries) => {
                let mut object = Map::new();
                for (key, tree) in entries {
                    let value = tree.value(columns).map_err(|fault| fault.within(key))?;
                    if !value.is_null() {
                        object.insert(key.clone(), value);
                    }
                }
                Ok(Value::Object(object))
            }
            Self::Choose(cases) => {
                for (when, tree) in cases {
                    if when.as_ref().map_or(Ok(true), |when| when.holds(columns))? {
                        return tree.value(columns);
                    }
                }
                Err(Fault::Value("no condition of `choose` holds".to_owned()))
            }
        }
    }
}

fn case(case: &toml::Value) -> Result<(Option<Expression>, Tree), String> {
    let table = case.as_table().ok_or("`choose` is a list of {when, value}")?;
    if let Some(unknown) = table.keys().find(|key| !["when", "value"].contains(&key.as_str())) {
        return Err(format!("`choose` is a list of {{when, value}}, which has no `{unknown}`"));
    }
    let value = table.get("value").ok_or("a case of `choose` has no `value`")?;
    let when = match table.get("when") {
        Some(toml::Value::String(text)) => Some(Expression::parse(text)?),
        Some(_) => return Err("`when` of `choose` must be a text".to_owned()),
        None => None,
    };
    Ok((when, Tree::parse(value)?))
}
