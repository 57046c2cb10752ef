//! The licence of a base, as its own card says it, or as a file of terms lies beside it.

use std::path::Path;

use policy::is_licence;

/// Keys of a card's head that say a licence.
const KEYS: [&str; 3] = ["license", "license_name", "license_link"];

/// A licence: lines of a card's head.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Licence {
    /// Keys with their values, as YAML writes them.
    pub(super) lines: Vec<(String, String)>,
    /// File of the terms, which is carried along.
    pub(super) file: Option<String>,
}

impl Licence {
    /// The licence of a base, as its folder says it, or as the terms say it that the checkpoint carries along; nothing
    /// where there is no base, or nothing says it.
    pub(super) fn of(base: Option<&Path>, checkpoint: &Path) -> Self {
        let Some(base) = base else { return Self::default() };
        let card = std::fs::read_to_string(base.join("README.md")).unwrap_or_default();
        let file = terms_in(checkpoint).or_else(|| terms_in(base));
        let mut lines = head(&card);
        if lines.is_empty()
            && let Some(file) = &file
        {
            lines = vec![("license".to_owned(), "other".to_owned()), ("license_link".to_owned(), file.clone())];
        }
        Self { lines, file }
    }

    pub(super) fn is_known(&self) -> bool {
        !self.lines.is_empty()
    }

    /// The licence's word.
    pub(super) fn word(&self) -> Option<&str> {
        let value = |key: &str| self.lines.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str());
        value("license_name").or_else(|| value("license"))
    }
}

/// The file of terms in a folder.
fn terms_in(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok());
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| is_licence(name)).min()
}

/// The licence's keys of the head of a card: what stands between two lines of `---`, a key a line.
fn head(card: &str) -> Vec<(String, String)> {
    let mut lines = card.trim_start_matches('\u{feff}').lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return Vec::new();
    }
    let entries = lines.take_while(|line| line.trim_end() != "---").filter_map(|line| line.split_once(':'));
    let known = entries.filter(|(key, value)| KEYS.contains(key) && !value.trim().is_empty());
    known.map(|(key, value)| (key.to_owned(), value.trim().to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_the_licence_in_its_head() {
        let (folder, checkpoint) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |base: Option<&Path>| Licence::of(base, checkpoint.path());
        assert_eq!(of(Some(folder.path())), Licence::default());
        std::fs::write(folder.path().join("LICENSE.txt"), "terms").unwrap();
        let of_file = of(Some(folder.path()));
        assert_eq!((of_file.word(), of_file.file.as_deref()), (Some("other"), Some("LICENSE.txt")));
        let card = "---\nlicense: other\nlicense_name: qwen\ntags:\n- license: no\n---\nlicense: none of the head\n";
        std::fs::write(folder.path().join("README.md"), card).unwrap();
        let licence = of(Some(folder.path()));
        assert_eq!((licence.lines.len(), licence.word()), (2, Some("qwen")));
        assert!(!of(None).is_known());
        assert!(head("license: mit\n").is_empty());
    }

    #[test]
    fn terms_that_the_checkpoint_carries_are_those_of_a_base_that_is_gone() {
        let checkpoint = tempfile::tempdir().unwrap();
        let gone = checkpoint.path().join("gone");
        assert!(!Licence::of(Some(&gone), checkpoint.path()).is_known());
        // A notice says no terms.
        for name in ["COPYING", "NOTICE"] {
            std::fs::write(checkpoint.path().join(name), "terms").unwrap();
        }
        let licence = Licence::of(Some(&gone), checkpoint.path());
        assert_eq!((licence.word(), licence.file.as_deref()), (Some("other"), Some("COPYING")));
    }
}
