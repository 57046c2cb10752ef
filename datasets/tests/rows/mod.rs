//! Rows of files: every format reads back what was written, and what is wrong is named with its place.

mod cells;
mod folders;
mod formats;
mod samples;
mod wrong;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use datasets::{DatasetError, rows};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value};

/// Writes files into a folder of their own.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

pub(super) fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

/// The rows' fields, or the first error.
pub(super) fn read(paths: &[PathBuf], split: Option<&str>) -> Result<Vec<Map<String, Value>>, DatasetError> {
    rows::open(paths, split)?.map(|row| row.map(|row| row.fields)).collect()
}

/// The first error's text, from the file's name on.
pub(super) fn problem(path: &Path) -> String {
    let text = read(&[path.to_owned()], None).expect_err("the file is wrong").to_string();
    let (_, problem) = text.split_once(&format!("{}", path.display())).expect("the file is named");
    problem.to_owned()
}
