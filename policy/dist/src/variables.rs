//! Variables of an environment, read as what they are to be, with errors that name them.
//!
//! Knows no launcher: which variables go together is said elsewhere.

use std::fmt;
use std::str::FromStr;

use crate::error::DistError;

/// Host and port of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Name or number of the host.
    pub host: String,
    /// TCP port, from 1.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Variables by name, read as what they are to be.
pub(crate) struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Variables<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    pub(crate) fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, DistError> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let number = value.parse().map_err(|_| {
            DistError::environment(
                name,
                Some(&value),
                "is no whole number from 0, or too large; give one, or unset the variable",
            )
        });
        number.map(Some)
    }

    pub(crate) fn required(&self, name: &str, remedy: &str) -> Result<usize, DistError> {
        self.number(name)?.ok_or_else(|| DistError::environment(name, None, remedy))
    }

    pub(crate) fn address(&self, remedy: &str) -> Result<Address, DistError> {
        let host = self.text("MASTER_ADDR").ok_or_else(|| DistError::environment("MASTER_ADDR", None, remedy))?;
        let port = self.required("MASTER_PORT", remedy)?;
        match u16::try_from(port) {
            Ok(port) if port > 0 => Ok(Address { host, port }),
            _ => {
                let reason = "a TCP port is from 1 to 65535; choose one that is free on the host of rank 0";
                Err(DistError::environment("MASTER_PORT", Some(&port.to_string()), reason))
            }
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, DistError> {
        match self.text(name).map(|value| value.to_lowercase()).as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(value) => Err(DistError::environment(name, Some(value), "is neither True nor False")),
        }
    }
}
