//! Which files of a repository are needed of data: those of a folder within it, of the splits that are known to be
//! read. Where the names tell no splits, all files of rows are.

use std::collections::BTreeSet;
use std::path::PathBuf;

use datasets::{layout, rows};
use evaluation::Suite;

/// Most names that an error lists.
const NAMED: usize = 8;

/// The paths to bring, of all that there are.
///
/// # Errors
/// There is no such folder or file, in words.
pub(super) fn choose(paths: &[String], inner: Option<&str>, splits: &[String]) -> Result<Vec<String>, String> {
    let Some(inner) = inner else { return Ok(of_splits(paths, splits)) };
    if paths.iter().any(|path| path == inner) {
        return Ok(vec![inner.to_owned()]);
    }
    let within: Vec<String> =
        paths.iter().filter_map(|path| Some(path.strip_prefix(inner)?.strip_prefix('/')?.to_owned())).collect();
    if within.is_empty() {
        let there: BTreeSet<&str> = paths.iter().filter_map(|path| path.split('/').next()).collect();
        let there: Vec<&str> = there.into_iter().take(NAMED).collect();
        return Err(format!("there is neither a folder nor a file `{inner}` in it; there are {}", there.join(", ")));
    }
    Ok(of_splits(&within, splits).into_iter().map(|path| format!("{inner}/{path}")).collect())
}

/// The files of rows of all these splits; those of all where none is given, or one is not told by the names.
fn of_splits(paths: &[String], splits: &[String]) -> Vec<String> {
    let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    let chosen: Result<Vec<Vec<PathBuf>>, String> =
        splits.iter().map(|split| rows::choose_files(&paths, Some(split))).collect();
    let chosen = match chosen {
        Ok(chosen) if !splits.is_empty() => chosen.concat(),
        // Whoever reads the folder says which splits there are.
        _ => rows::choose_files(&paths, None).unwrap_or_default(),
    };
    let chosen: BTreeSet<String> = chosen.iter().map(|path| path.display().to_string()).collect();
    chosen.into_iter().collect()
}

/// The splits that a suite reads, of its tasks and of its solved examples; none where they are not known before the
/// columns are.
pub(crate) fn splits_of(suite: &Suite, given: Option<&String>) -> Vec<String> {
    let shots = suite.protocol.shots.as_ref().map(|shots| shots.split.clone());
    let own = match given {
        Some(split) => Some(vec![split.clone()]),
        None => {
            let layouts = layout::shipped().iter().filter(|layout| suite.layouts.contains(&layout.name));
            layouts.map(|layout| layout.split.clone()).collect::<Option<Vec<String>>>()
        }
    };
    match own {
        Some(own) if !own.is_empty() => own.into_iter().chain(shots).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(inner: Option<&str>, splits: &[&str]) -> Result<Vec<String>, String> {
        let paths = [
            ".gitattributes",
            "README.md",
            "dataset_infos.json",
            "main/train-00000-of-00001.parquet",
            "main/test-00000-of-00001.parquet",
            "socratic/test-00000-of-00001.parquet",
        ];
        let paths: Vec<String> = paths.map(str::to_owned).to_vec();
        let splits: Vec<String> = splits.iter().map(|split| (*split).to_owned()).collect();
        choose(&paths, inner, &splits)
    }

    #[test]
    fn files_are_those_of_the_folder_and_the_splits() {
        assert_eq!(chosen(Some("main"), &["test"]).unwrap(), ["main/test-00000-of-00001.parquet"]);
        assert_eq!(chosen(Some("main"), &[]).unwrap().len(), 2);
        assert_eq!(chosen(None, &["test"]).unwrap().len(), 2);
        // A split that no name tells may be a column's.
        assert_eq!(chosen(None, &["diamond"]).unwrap().len(), 3);
        assert_eq!(chosen(None, &["train", "test"]).unwrap().len(), 3);
        let file = "main/train-00000-of-00001.parquet";
        assert_eq!(chosen(Some(file), &["test"]).unwrap(), [file]);
        let error = chosen(Some("mian"), &[]).unwrap_err();
        assert!(error.contains("`mian`") && error.contains("main, socratic"), "{error}");
    }

    #[test]
    fn a_suite_knows_its_splits() {
        let suite = |name: &str| evaluation::select(name).unwrap().suites.remove(0);
        assert_eq!(splits_of(&suite("mmlu"), None), ["test", "test", "dev"]);
        // Some of its layouts are read of any split.
        assert!(splits_of(&suite("gsm8k"), None).is_empty());
        assert_eq!(splits_of(&suite("gsm8k"), Some(&"train".to_owned())), ["train"]);
    }
}
