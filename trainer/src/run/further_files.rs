//! Files that a run reads and whose paths stand within other values: a suite of a user's own, the programs of command
//! verifiers, and the modules beside a trusted plug-in. Must not know how content is told.

use std::path::{Path, PathBuf};

use verifiers::{PythonIsolation, VerifiersConfig};

use crate::config::EvalSection;

/// Files by the key that is told by their content.
pub(crate) type FurtherFiles = Vec<(String, Vec<PathBuf>)>;

/// The files of suites that do not ship.
pub(super) fn suite_files(eval: &EvalSection) -> FurtherFiles {
    let own = eval.suites.iter().enumerate().filter(|(_, section)| section.suite.ends_with(".toml"));
    own.map(|(i, section)| (format!("eval.suites.{i}.suite"), vec![PathBuf::from(&section.suite)])).collect()
}

/// What verifiers run beside the files that their own keys name.
pub(super) fn verifier_files(verifiers: &VerifiersConfig) -> FurtherFiles {
    let commands = verifiers.command.iter().map(|(name, config)| {
        let words = config.command.iter().map(PathBuf::from);
        (format!("verifiers.command.{name}.command files"), words.filter(|path| path.is_file()).collect())
    });
    let trusted = verifiers.python.iter().filter(|(_, config)| config.isolation == PythonIsolation::Trusted);
    let modules =
        trusted.map(|(name, config)| (format!("verifiers.python.{name}.file modules"), modules(&config.file)));
    commands.chain(modules).filter(|(_, files): &(String, Vec<PathBuf>)| !files.is_empty()).collect()
}

/// The modules beside a Python file that it imports, and those that they import. What cannot be read imports nothing.
fn modules(file: &Path) -> Vec<PathBuf> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut found = vec![file.to_owned()];
    let mut index = 0;
    while let Some(path) = found.get(index) {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let imports = text
            .lines()
            .map(str::trim_start)
            .filter(|line| ["import ", "from "].iter().any(|word| line.starts_with(word)));
        for word in imports.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')) {
            let module = folder.join(format!("{word}.py"));
            if module.is_file() && !found.contains(&module) {
                found.push(module);
            }
        }
        index += 1;
    }
    let mut modules = found.split_off(1);
    modules.sort();
    modules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plug_in_is_its_file_and_the_modules_that_it_imports() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, text) in [
            (
                "judge.py",
                "import re, words\nfrom rules.strict import check\n\ndef judge():\n    from marks import mark\n",
            ),
            ("words.py", "import judge\nimport more as other\n"),
            ("marks.py", "text = 'import beside'\n"),
            ("more.py", ""),
            ("beside.py", ""),
        ] {
            std::fs::write(path(name), text).unwrap();
        }
        assert_eq!(modules(&path("judge.py")), ["marks.py", "more.py", "words.py"].map(path));
        assert_eq!(modules(&path("none.py")), [] as [PathBuf; 0]);
    }
}
