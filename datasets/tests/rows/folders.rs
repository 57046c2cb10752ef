//! Folders: splits by names, shards in order and complete.

use std::path::Path;

use datasets::rows::files_of;
use serde_json::json;

use super::{Folder, read};

/// Writes a row for each file that says which file it is in.
fn folder(files: &[&str]) -> Folder {
    let folder = Folder::new();
    for name in files {
        folder.write(name, json!({"file": name}).to_string());
    }
    folder
}

/// The files of a split, by the rows that are read, or the error from the folder's name on.
fn chosen(files: &[&str], split: Option<&str>) -> Result<Vec<String>, String> {
    let folder = folder(files);
    match read(&[folder.path().to_owned()], split) {
        Ok(rows) => Ok(rows.iter().map(|row| row["file"].as_str().unwrap().to_owned()).collect()),
        Err(error) => Err(error.to_string().replace(&format!("{}: ", folder.path().display()), "")),
    }
}

#[test]
fn splits_are_told_by_the_names_of_files_and_folders() {
    for (files, split, expected) in [
        // As hubs have them.
        (
            &[
                "data/train-00001-of-00002.parquet",
                "data/train-00000-of-00002.parquet",
                "data/test-00000-of-00001.parquet",
            ][..],
            "train",
            &["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"][..],
        ),
        (
            &["data/train-00000-of-00001-a09b74b3ef9c3b56.parquet"],
            "train",
            &["data/train-00000-of-00001-a09b74b3ef9c3b56.parquet"],
        ),
        (
            &["data/raw-00000-of-00001.parquet", "data/filtered-00000-of-00001.parquet"],
            "filtered",
            &["data/filtered-00000-of-00001.parquet"],
        ),
        (
            &["train_prefs-00000-of-00001.parquet", "train_sft-00000-of-00001.parquet"],
            "train_prefs",
            &["train_prefs-00000-of-00001.parquet"],
        ),
        (
            &["train.jsonl", "test.jsonl.gz", "dataset_infos.json", ".cache/test.jsonl", "README.md"],
            "test",
            &["test.jsonl.gz"],
        ),
        // As they are saved.
        (
            &[
                "train/data-00000-of-00001.arrow",
                "train/state.json",
                "dataset_dict.json",
                "odd/data-00000-of-00001.arrow",
            ],
            "odd",
            &["odd/data-00000-of-00001.arrow"],
        ),
        (&["default/train/0000.parquet", "default/test/0000.parquet"], "train", &["default/train/0000.parquet"]),
        (&["gsm8k-train.arrow", "gsm8k-test.arrow"], "test", &["gsm8k-test.arrow"]),
        // Increments, and folders of subjects.
        (&["test.jsonl", "test2.jsonl", "test10.jsonl"], "test", &["test.jsonl", "test2.jsonl", "test10.jsonl"]),
        (
            &["dev/law_dev.csv.json", "test/law_test.json", "test/art_test.json"],
            "test",
            &["test/art_test.json", "test/law_test.json"],
        ),
        // Other words for the same, and a split by the whole name.
        (&["train.jsonl", "val.jsonl"], "validation", &["val.jsonl"]),
        (&["math.jsonl", "code.jsonl"], "code", &["code.jsonl"]),
        // Nothing says a split: all is what was asked for.
        (&["aime2025-I.jsonl", "aime2025-II.jsonl"], "test", &["aime2025-I.jsonl", "aime2025-II.jsonl"]),
    ] {
        assert_eq!(chosen(files, Some(split)).as_deref(), Ok(expected.map_names().as_slice()), "{files:?}");
    }
}

trait MapNames {
    fn map_names(&self) -> Vec<String>;
}

impl MapNames for &[&str] {
    fn map_names(&self) -> Vec<String> {
        self.iter().map(|&name| name.to_owned()).collect()
    }
}

#[test]
fn one_split_need_not_be_named_and_several_must() {
    let one = ["data/test-00000-of-00002.parquet", "data/test-00001-of-00002.parquet"];
    assert_eq!(chosen(&one, None).unwrap(), one);
    let several = chosen(&["data/train-00000-of-00001.parquet", "val.parquet", "more.parquet"], None);
    assert_eq!(several, Err("there are several splits; name one of: train, val, more".to_owned()));
}

#[test]
fn a_split_that_is_not_there_is_told_those_that_are() {
    let error = chosen(&["train.jsonl", "test.jsonl"], Some("validation"));
    assert_eq!(error, Err("there is no split \"validation\"; there are: test, train".to_owned()));
    let folder = folder(&["test.jsonl", "rows.jsonl"]);
    let error = files_of(&[folder.path().join("test.jsonl")], Some("train")).unwrap_err().to_string();
    assert!(error.ends_with("test.jsonl: there is no split \"train\"; there are: test"), "{error}");
    let named = [folder.path().join("rows.jsonl")];
    assert_eq!(files_of(&named, Some("train")).unwrap(), named);
}

#[test]
fn missing_shards_are_named() {
    let files = ["train-00000-of-00004.parquet", "train-00002-of-00004.parquet", "test-00000-of-00002.parquet"];
    let error = chosen(&files, Some("train"));
    assert_eq!(error, Err("shards are missing: train-00001-of-00004, train-00003-of-00004".to_owned()));
    // A set that counts from 1 is whole.
    assert_eq!(chosen(&["part-2-of-2.jsonl", "part-1-of-2.jsonl"], None).unwrap().len(), 2);
    let two = chosen(&["train-0-of-1.jsonl", "train-0-of-2.jsonl", "train-1-of-2.jsonl"], None);
    assert_eq!(two, Err("two sets of shards of train (of 1, of 2): name the files".to_owned()));
}

#[test]
fn the_same_rows_in_two_formats_are_not_read_twice() {
    let error = chosen(&["train.jsonl", "data/train-00000-of-00001.parquet"], None);
    let expected = "files of several formats (jsonl, parquet), which may hold the same rows: name the files";
    assert_eq!(error, Err(expected.to_owned()));
}

#[test]
fn shards_are_read_in_the_order_of_their_numbers() {
    let names: Vec<String> = (0..12).map(|shard| format!("part/train.{shard}.jsonl")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(chosen(&names, None).unwrap(), names);
}

#[test]
fn a_folder_without_rows_is_refused() {
    let error = chosen(&["README.md", "dataset_info.json"], None).unwrap_err();
    assert!(error.starts_with("the folder holds no file of rows (jsonl, "), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_back_is_followed_once() {
    let folder = folder(&["data/train.jsonl"]);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("data/again")).unwrap();
    let files = files_of(&[folder.path().to_owned()], None).unwrap();
    assert_eq!(files, [folder.path().join(Path::new("data/train.jsonl"))]);
}
