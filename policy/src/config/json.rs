//! The fields of a JSON object, read one by one with their types, and a note of those that were read.
//!
//! Null counts as absent. This file must not know what a field means.

use serde_json::{Map, Value};

use crate::error::PolicyError;

/// A JSON object with a note of which fields were read.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    /// Name of the field that holds the object, and a dot; empty for the whole file.
    prefix: String,
    read: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(object: &'a Map<String, Value>) -> Self {
        Self { object, prefix: String::new(), read: Vec::new() }
    }

    /// The fields of the object that stands in `field`; errors name them `field.name`.
    pub(super) fn within(field: &str, object: &'a Map<String, Value>) -> Self {
        Self { object, prefix: format!("{field}."), read: Vec::new() }
    }

    /// The error that names a field of this object.
    pub(super) fn refuse(&self, name: &str, reason: impl Into<String>) -> PolicyError {
        PolicyError::config(&format!("{}{name}", self.prefix), reason)
    }

    pub(super) fn get(&mut self, name: &'a str) -> Option<&'a Value> {
        self.read.push(name);
        self.object.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &'a str) -> Result<String, PolicyError> {
        let value = self.get(name).ok_or_else(|| self.refuse(name, "is missing"))?;
        Ok(value.as_str().ok_or_else(|| self.refuse(name, format!("{value} is not a string")))?.to_owned())
    }

    pub(super) fn optional_integer(&mut self, name: &'a str) -> Result<Option<i64>, PolicyError> {
        self.get(name)
            .map(|value| value.as_i64().ok_or_else(|| self.refuse(name, format!("{value} is not an integer"))))
            .transpose()
    }

    pub(super) fn positive(&mut self, name: &'a str) -> Result<i64, PolicyError> {
        match self.optional_integer(name)? {
            Some(value) if value > 0 => Ok(value),
            Some(value) => Err(self.refuse(name, format!("{value} is not positive"))),
            None => Err(self.refuse(name, "is missing")),
        }
    }

    pub(super) fn number(&mut self, name: &'a str) -> Result<Option<f64>, PolicyError> {
        self.get(name)
            .map(|value| value.as_f64().ok_or_else(|| self.refuse(name, format!("{value} is not a number"))))
            .transpose()
    }

    pub(super) fn boolean(&mut self, name: &'a str) -> Result<Option<bool>, PolicyError> {
        self.get(name)
            .map(|value| value.as_bool().ok_or_else(|| self.refuse(name, format!("{value} is not a boolean"))))
            .transpose()
    }

    pub(super) fn ids(&mut self, name: &'a str) -> Result<Vec<u32>, PolicyError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => token_ids(value).ok_or_else(|| self.refuse(name, format!("{value} is no token id"))),
        }
    }

    /// The fields that were not read, without those that are null.
    pub(super) fn unread(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let fields = self.object.iter().map(|(name, value)| (name.as_str(), value));
        fields.filter(|(name, value)| !value.is_null() && !self.read.contains(name))
    }
}

/// The ids of a field that holds one, a list or null; nothing where a value is no id.
pub(crate) fn token_ids(value: &Value) -> Option<Vec<u32>> {
    let one = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Value::Null => Some(Vec::new()),
        Value::Array(ids) => ids.iter().map(one).collect(),
        id => one(id).map(|id| vec![id]),
    }
}
