//! Errors of the files of a run; each names the file, and says what to do where the user can do something.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A file of a run that cannot be written, read, listed or removed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The folder of a new run is there already: no run overwrites another.
    #[error(
        "the run folder {} exists already: pass --resume to continue that run, or choose another --run-dir",
        path.display()
    )]
    FolderExists {
        /// The run's folder.
        path: PathBuf,
    },
    /// The folder of an earlier run is missing.
    #[error("there is no run folder {}: name the right one, or start a run without --resume", path.display())]
    FolderMissing {
        /// The folder that was asked for.
        path: PathBuf,
    },
    /// Another process writes the folder.
    #[error(
        "{} is being written by {}: wait for its end, or end it, and start again",
        path.display(),
        holder.map_or("another process".to_owned(), |id| format!("process {id}"))
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Id of the process that holds it, where it is known.
        holder: Option<u32>,
    },
    /// The path ends in `..` or is empty, so that nothing can stand there.
    #[error("{} does not name a file", path.display())]
    NoFileName {
        /// The path that was asked for.
        path: PathBuf,
    },
    /// The disk or the user's quota is full.
    #[error(
        "the disk is full: cannot write {} ({reason}); free some space, then continue with --resume",
        path.display()
    )]
    DiskFull {
        /// The file or folder that was being written.
        path: PathBuf,
        /// The system's error: part of the message, and so no source.
        reason: io::Error,
    },
    /// The system refuses to write.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file or folder that was being written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The content of a folder could not be written; the folder was not made.
    #[error("cannot write {}", path.display())]
    Fill {
        /// The folder.
        path: PathBuf,
        /// The error of whoever writes the content.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Rows that do not become Parquet.
    #[error("cannot encode the rows of {}", path.display())]
    Encode {
        /// The file that they are for.
        path: PathBuf,
        /// The error of Arrow or Parquet.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A row whose lists by token are not of one length: a fault of whoever made the row.
    #[error(
        "cannot write {}: `{column}` of task {task_id}, sample {sample_index}, is for {num_values} tokens, and \
         there are {num_tokens}",
        path.display()
    )]
    Unaligned {
        /// The file that the row is for.
        path: PathBuf,
        /// Id of the row's task.
        task_id: String,
        /// Place of the row's completion in its group.
        sample_index: u32,
        /// The column of another length.
        column: String,
        /// Number of tokens that the column is for.
        num_values: usize,
        /// Number of tokens that there are.
        num_tokens: usize,
    },
    /// A Parquet file that was written by a newer version of this project.
    #[error(
        "{} has schema version {found}, and this version of ponder reads up to {known}: read it with the version that \
         wrote it, or a newer one",
        path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version in its metadata.
        found: String,
        /// The newest version that can be read.
        known: u32,
    },
    /// A Parquet file that holds another table.
    #[error("{} is a file of {found}, not of {expected}: name the right one", path.display())]
    OtherContent {
        /// The file.
        path: PathBuf,
        /// The table that was asked for.
        expected: &'static str,
        /// The table that its metadata name.
        found: String,
    },
    /// Values of an update without their rollout.
    #[error(
        "{} is not of the rollouts in {}: task {task_id}, sample {sample_index}, stands there otherwise or not at all; \
         was one of the files replaced?",
        updates.display(),
        rollouts.display()
    )]
    StrangeUpdate {
        /// The file of the updates.
        updates: PathBuf,
        /// The file of the rollouts.
        rollouts: PathBuf,
        /// Id of the row's task.
        task_id: String,
        /// Place of the row's completion in its group.
        sample_index: u32,
    },
    /// A file that cannot be opened or decoded.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system, of Arrow or Parquet, or a column that has another type.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A line of `metrics.jsonl` that holds no metrics.
    #[error("{}:{line}: {reason}", path.display())]
    BadLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The fault, with its field.
        reason: String,
    },
    /// A Parquet file whose column has another type.
    #[error("column `{column}` has another type than ponder writes: write it anew with that type, or remove it")]
    WrongColumnType {
        /// The column's name.
        column: String,
    },
    /// A folder that cannot be listed.
    #[error("cannot list {}", path.display())]
    List {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file or folder that cannot be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}
