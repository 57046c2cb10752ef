//! Options of a command as they are written: `--name value` or `--name=value`.

use std::slice::Iter;

/// The options, one after another.
pub(crate) struct Options<'a> {
    rest: Iter<'a, String>,
    name: &'a str,
    attached: Option<&'a str>,
}

impl<'a> Options<'a> {
    pub(crate) fn new(arguments: &'a [String]) -> Self {
        Self { rest: arguments.iter(), name: "", attached: None }
    }

    /// The next argument as it is written, and its name before any `=`.
    pub(crate) fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let argument = self.rest.next()?.as_str();
        (self.name, self.attached) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (argument, None),
        };
        Some((argument, self.name))
    }

    /// The value of the option that was read last. `Err` where it has none.
    pub(crate) fn value(&mut self) -> Result<&'a str, String> {
        let value = self.attached.take().or_else(|| self.rest.next().map(String::as_str));
        value.ok_or_else(|| format!("{} needs a value", self.name))
    }

    /// The same as a number. `Err` where it is none that the trainer takes.
    pub(crate) fn number(&mut self) -> Result<u64, String> {
        let value = self.value()?;
        let number = value.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok());
        number.ok_or_else(|| format!("{} {value:?} is no whole number from 0 to {}", self.name, i64::MAX))
    }
}
