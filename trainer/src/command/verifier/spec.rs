//! A verifier as a word of the command line: a name, a file, an address, or a command.

use std::path::Path;

use anyhow::Result;
use verifiers::{CommandConfig, ComponentConfig, HttpConfig, PythonConfig, PythonIsolation, VerifiersConfig};

use crate::failure::Usage;

/// The name of a verifier that is an address.
const SERVICE: &str = "service";

/// The name of the verifier that `spec` means; one that is no name is added to the configuration.
///
/// # Errors
/// A usage error: the file has another ending, or there are settings that it does not take.
pub(super) fn resolve(spec: &str, isolation: Option<PythonIsolation>, config: &mut VerifiersConfig) -> Result<String> {
    let path = Path::new(spec);
    let words: Vec<String> = spec.split_whitespace().map(str::to_owned).collect();
    let ending = path.extension().and_then(|ending| ending.to_str());
    if isolation.is_some() && ending != Some("py") {
        return Err(Usage::error("--isolation: is for a Python file; a configured verifier has it in its section"));
    }
    let name = path.file_stem().map_or_else(|| spec.to_owned(), |stem| stem.to_string_lossy().into_owned());
    match ending {
        Some("py") if words.len() == 1 || path.is_file() => {
            let isolation = isolation.unwrap_or_default();
            config.python.insert(name.clone(), PythonConfig { isolation, ..PythonConfig::new(path) });
            Ok(name)
        }
        Some("wasm") if words.len() == 1 || path.is_file() => {
            config.component.insert(name.clone(), ComponentConfig::new(path.to_owned()));
            Ok(name)
        }
        _ if ["http://", "https://"].iter().any(|scheme| spec.starts_with(scheme)) => {
            config.http.insert(SERVICE.to_owned(), HttpConfig::new(vec![spec.to_owned()]));
            Ok(SERVICE.to_owned())
        }
        _ if path.is_file() => {
            config.command.insert(name.clone(), CommandConfig::new(vec![spec.to_owned()]));
            Ok(name)
        }
        _ if words.len() > 1 => {
            config.command.insert(words[0].clone(), CommandConfig::new(words.clone()));
            Ok(words[0].clone())
        }
        _ => Ok(spec.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_a_command_and_a_name_are_told_apart() {
        let mut config = VerifiersConfig::default();
        assert_eq!(resolve("judges/style.py", Some(PythonIsolation::Jail), &mut config).unwrap(), "style");
        assert_eq!(config.python["style"].isolation, PythonIsolation::Jail);
        assert_eq!(resolve("python3 -u judge.py", None, &mut config).unwrap(), "python3");
        assert_eq!(config.command["python3"].command, ["python3", "-u", "judge.py"]);
        assert_eq!(resolve("judges/length.wasm", None, &mut config).unwrap(), "length");
        assert_eq!(resolve("http://127.0.0.1:9/judge", None, &mut config).unwrap(), SERVICE);
        assert_eq!(config.http[SERVICE].url, ["http://127.0.0.1:9/judge"]);
        assert_eq!(resolve("math", None, &mut config).unwrap(), "math");
        assert!(resolve("math", Some(PythonIsolation::Jail), &mut config).is_err());
    }
}
