//! The pages: the README and the documents of `docs/guide/`.

use std::path::Path;

use ::guide::Page;
use anyhow::{Context, Result, bail};

const README: &str = "README.md";
const FOLDER: &str = "docs/guide";

/// The pages of these names, in their order, or all; a page is called by its path, its file or its file without `.md`.
///
/// # Errors
/// There is none of a name, or a page cannot be read.
pub(super) fn chosen(root: &Path, names: &[String]) -> Result<Vec<Page>> {
    let paths = paths(root)?;
    let mut chosen = Vec::new();
    for name in names {
        let name = name.trim_end_matches(".md");
        let is_it = |path: &&String| {
            let path = path.trim_end_matches(".md");
            path == name || path.rsplit('/').next() == Some(name)
        };
        let Some(path) = paths.iter().find(is_it) else {
            bail!("no page is called {name:?}; there are {}", paths.join(", "));
        };
        chosen.push(path.clone());
    }
    let chosen = if names.is_empty() { paths } else { chosen };
    chosen.iter().map(|path| read(root, path)).collect()
}

/// Paths of all pages from the root: the README, then the guide's own index, then the rest by name.
fn paths(root: &Path) -> Result<Vec<String>> {
    let folder = root.join(FOLDER);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            paths.push(format!("{FOLDER}/{name}"));
        }
    }
    paths.sort();
    Ok([vec![README.to_owned()], paths].concat())
}

fn read(root: &Path, path: &str) -> Result<Page> {
    let text = std::fs::read_to_string(root.join(path)).with_context(|| path.to_owned())?;
    Ok(Page::parse(path, &text)?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ::guide::programs;

    use super::*;

    #[test]
    fn pages_are_called_by_their_names() {
        let root = crate::workspace_root();
        let of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            chosen(&root, &names).map(|pages| pages.into_iter().map(|page| page.path).collect::<Vec<_>>())
        };
        assert_eq!(of(&["first-run", "README.md"]).unwrap(), ["docs/guide/first-run.md", "README.md"]);
        assert!(of(&[]).unwrap().len() > 8);
        let error = of(&["first"]).unwrap_err().to_string();
        assert!(error.contains("\"first\"") && error.contains("docs/guide/first-run.md"), "{error}");
    }

    #[test]
    fn every_command_of_this_program_in_a_page_is_one() {
        let root = crate::workspace_root();
        let known: BTreeSet<&str> = crate::USAGE
            .lines()
            .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')))
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert!(known.contains("guide") && known.contains("setup"), "{known:?}");
        let mut num_seen = 0;
        for page in chosen(&root, &[]).unwrap() {
            for command in page.shell_blocks().flat_map(|block| &block.commands) {
                for words in programs(&command.text) {
                    let [cargo, xtask, name, ..] = words.as_slice() else { continue };
                    if cargo == "cargo" && xtask == "xtask" {
                        num_seen += 1;
                        assert!(known.contains(name.as_str()), "{}:{}: cargo xtask {name}", page.path, command.line);
                    }
                }
            }
        }
        assert!(num_seen >= 3, "{num_seen}");
    }
}
