//! Paths in, the files to be read out: folders are walked, a split is chosen, shards are complete.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::format::{ENDINGS, ending};
use super::name::{DataName, natural_order};
use crate::error::DatasetError;

/// Files that lie beside the rows and describe them.
const DESCRIPTIONS: [&str; 4] = ["dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"];

/// At most so many names stand in an error.
const NAMED: usize = 8;

/// The files of several paths, in the order in which they are read.
pub(super) fn files_of(paths: &[PathBuf], split: Option<&str>) -> Result<Vec<PathBuf>, DatasetError> {
    let mut named = Vec::new();
    let mut is_folder = Vec::new();
    for path in paths {
        let metadata = path.metadata().map_err(|source| DatasetError::Read { path: path.clone(), source })?;
        is_folder.push(metadata.is_dir());
        if !metadata.is_dir() {
            let name = path.file_name().unwrap_or_default();
            named.push((path.clone(), DataName::of(Path::new(name))));
        }
    }
    // Files that are named by a caller are read, unless their own names speak against it.
    if let (Some(split), Some((first, _))) = (split, named.first()) {
        let first = first.clone();
        named = choose(named, split).map_err(|problem| DatasetError::Source { path: first, problem })?;
    }
    let mut files = Vec::new();
    for (path, is_folder) in paths.iter().zip(is_folder) {
        if is_folder {
            files.extend(files_in(path, split)?);
        } else if named.iter().any(|(file, _)| file == path) {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// The files of a folder.
fn files_in(path: &Path, split: Option<&str>) -> Result<Vec<PathBuf>, DatasetError> {
    let wrong = |problem| DatasetError::Source { path: path.to_owned(), problem };
    let mut found = Vec::new();
    walk(path, Path::new(""), &mut HashSet::new(), &mut found)?;
    if found.is_empty() {
        return Err(wrong(format!("the folder holds no file of rows ({}, plain, .gz or .zst)", ENDINGS.join(", "))));
    }
    found.sort_by(|left, right| natural_order(left, right));
    let found: Vec<_> = found.into_iter().map(|file| (file.clone(), DataName::of(&file))).collect();
    let files = match split {
        Some(split) => choose(found, split).map_err(wrong)?,
        None => only_split(found).map_err(wrong)?,
    };
    check_formats(&files).map_err(wrong)?;
    check_shards(&files).map_err(wrong)?;
    Ok(files.into_iter().map(|(file, _)| path.join(file)).collect())
}

/// Of the paths of a folder's files, named from the folder on, those that hold rows, of the split where one is named.
pub(super) fn chosen_of(paths: &[PathBuf], split: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let is_read =
        |path: &&PathBuf| path.iter().all(|part| !is_passed_over(&part.to_string_lossy())) && holds_rows(path);
    let mut found: Vec<PathBuf> = paths.iter().filter(is_read).cloned().collect();
    found.sort_by(|left, right| natural_order(left, right));
    let found: Vec<Named> = found.into_iter().map(|file| (file.clone(), DataName::of(&file))).collect();
    let chosen = match split {
        Some(split) => choose(found, split)?,
        None => found,
    };
    Ok(chosen.into_iter().map(|(file, _)| file).collect())
}

/// True for the name of a file or folder that is hidden, or describes a data set.
fn is_passed_over(name: &str) -> bool {
    name.starts_with(['.', '_']) || DESCRIPTIONS.contains(&name)
}

/// True for a file whose ending is that of rows.
fn holds_rows(file: &Path) -> bool {
    ending(file).is_some_and(|ending| ENDINGS.contains(&&*ending))
}

type Named = (PathBuf, DataName);

/// Adds the folder's files of rows, named from the source's folder on.
fn walk(root: &Path, below: &Path, seen: &mut HashSet<PathBuf>, found: &mut Vec<PathBuf>) -> Result<(), DatasetError> {
    let folder = root.join(below);
    let cannot_read = |source| DatasetError::Read { path: folder.clone(), source };
    // A link may lead back to a folder above.
    if !seen.insert(folder.canonicalize().map_err(cannot_read)?) {
        return Ok(());
    }
    for entry in fs::read_dir(&folder).map_err(cannot_read)? {
        let name = entry.map_err(cannot_read)?.file_name();
        if is_passed_over(&name.to_string_lossy()) {
            continue;
        }
        let file = below.join(&name);
        let path = root.join(&file);
        let metadata = path.metadata().map_err(|source| DatasetError::Read { path, source })?;
        if metadata.is_dir() {
            walk(root, &file, seen, found)?;
        } else if holds_rows(&file) {
            found.push(file);
        }
    }
    Ok(())
}

/// The files of a split: those that have its name, else those that mean the same, else those that name none where
/// no file of the source names any.
fn choose(found: Vec<Named>, split: &str) -> Result<Vec<Named>, String> {
    let names: Vec<String> = splits(&found);
    if found.iter().any(|(_, name)| name.is_of(split)) {
        return Ok(found.into_iter().filter(|(_, name)| name.is_of(split)).collect());
    }
    if found.iter().any(|(_, name)| name.means(split)) {
        return Ok(found.into_iter().filter(|(_, name)| name.means(split)).collect());
    }
    match found.iter().any(|(_, name)| name.split.is_some()) {
        true => Err(format!("there is no split \"{split}\"; there are: {}", names.join(", "))),
        false => Ok(found),
    }
}

/// All files, if they are of one split.
fn only_split(found: Vec<Named>) -> Result<Vec<Named>, String> {
    let names = splits(&found);
    match names.len() {
        0 | 1 => Ok(found),
        _ => Err(format!("there are several splits; name one of: {}", names.join(", "))),
    }
}

/// The names of the splits, in order; files that name none are named themselves.
fn splits(found: &[Named]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (_, name) in found {
        if let Some(split) = name.split.as_ref().filter(|&split| !names.contains(split)) {
            names.push(split.clone());
        }
    }
    if !names.is_empty() {
        let without = found.iter().filter(|(_, name)| name.split.is_none());
        names.extend(without.map(|(_, name)| name.stem.clone()));
    }
    names
}

/// The same rows often lie beside each other in two formats, and would be read twice.
fn check_formats(files: &[Named]) -> Result<(), String> {
    let mut endings: Vec<String> = files.iter().filter_map(|(file, _)| ending(file)).collect();
    endings.sort();
    endings.dedup();
    match endings.len() {
        0 | 1 => Ok(()),
        _ => Err(format!(
            "files of several formats ({}), which may hold the same rows: name the files",
            endings.join(", ")
        )),
    }
}

/// Every shard of a set that says how many it has must be there.
fn check_shards(files: &[Named]) -> Result<(), String> {
    let mut sets: BTreeMap<(&Path, &str), BTreeMap<u64, Vec<u64>>> = BTreeMap::new();
    for (file, name) in files {
        if let Some((number, count)) = name.shard {
            let folder = file.parent().unwrap_or(Path::new(""));
            sets.entry((folder, &name.stem)).or_default().entry(count).or_default().push(number);
        }
    }
    for ((folder, stem), counts) in sets {
        let shown = folder.join(stem);
        let shown = shown.display();
        if counts.len() > 1 {
            let counts: Vec<String> = counts.keys().map(|count| format!("of {count}")).collect();
            return Err(format!("two sets of shards of {shown} ({}): name the files", counts.join(", ")));
        }
        for (count, numbers) in counts {
            // Some count from 1.
            let first = u64::from(numbers.contains(&count) && !numbers.contains(&0));
            let missing: Vec<u64> =
                (first..first + count).filter(|number| !numbers.contains(number)).take(NAMED + 1).collect();
            if !missing.is_empty() {
                let names: Vec<String> =
                    missing.iter().take(NAMED).map(|number| format!("{shown}-{number:05}-of-{count:05}")).collect();
                let more = if missing.len() > NAMED { " and more" } else { "" };
                return Err(format!("shards are missing: {}{more}", names.join(", ")));
            }
        }
    }
    Ok(())
}
