//! The files of a suite to its tasks: which of them belong to the version, by which layout they are read, and where the
//! solved examples stand.

use std::path::{Path, PathBuf};

use datasets::layout::{self, Layout};
use datasets::{DataSource, Loaded, Task};

use crate::error::EvaluationError;
use crate::protocol::Metric;
use crate::reward;
use crate::settings::{DataFile, Settings};
use crate::suite::Suite;
use crate::suite_tasks::{LoadedTasks, SuiteTasks, TaskChoice};

/// Files of a suite, and how their rows are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuiteSource {
    /// Files, and folders with splits and shards.
    pub paths: Vec<PathBuf>,
    /// The layout by name or file; told by the columns where absent.
    pub layout: Option<String>,
    /// Assignments `key=value` on the layout's keys.
    pub set: Vec<String>,
    /// The split to read, where it is not the layout's own.
    pub split: Option<String>,
    /// A condition on the columns.
    pub filter: Option<String>,
    /// Files of solved examples; absent, the split that the protocol names is looked for beside the tasks.
    pub shots: Vec<PathBuf>,
}

impl SuiteSource {
    /// A source of these files.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self { paths: paths.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Reads the suite's tasks, and the settings that say what was read.
    ///
    /// # Errors
    /// A file cannot be read or has a layout whose tasks are judged by other means than the suite's, a row cannot be
    /// read (file and row are named), or [`SuiteTasks::new`] fails.
    pub fn tasks(&self, suite: Suite, choice: TaskChoice) -> Result<(SuiteTasks, Settings), EvaluationError> {
        let source = DataSource {
            paths: self
                .paths
                .iter()
                .map(|path| files_of_the_version(&suite, path))
                .collect::<Result<Vec<_>, _>>()?
                .concat(),
            layout: self.layout.clone(),
            set: self.set.clone(),
            split: self.split.clone(),
            filter: self.filter.clone(),
            ..DataSource::default()
        };
        if source.paths.is_empty() {
            return Err(EvaluationError::tasks(&suite.name, "none of the files belongs to the version"));
        }
        let loaded = if suite.protocol.metric == Metric::Reward {
            let mut loaded = source.candidates()?;
            let tasks = std::mem::take(&mut loaded.records).into_iter().map(reward::task_of).collect();
            self.account(&suite, &loaded, tasks)?
        } else {
            let mut loaded = source.tasks()?;
            let tasks = std::mem::take(&mut loaded.records);
            self.account(&suite, &loaded, tasks)?
        };
        let (mut tasks, layout, data) = loaded;
        tasks.shots = self.shots(&suite, &source)?;
        let data = data.iter().map(|path| DataFile::of(path)).collect::<Result<Vec<_>, _>>()?;
        let tasks = SuiteTasks::new(suite, tasks, choice)?;
        let settings = Settings::new(&tasks, &layout, data, choice);
        Ok((tasks, settings))
    }

    /// The tasks, which were taken out of what was loaded, with the account of their rows, the layout's name, and the
    /// files that were read.
    fn account<T>(
        &self,
        suite: &Suite,
        loaded: &Loaded<T>,
        tasks: Vec<Task>,
    ) -> Result<(LoadedTasks, String, Vec<PathBuf>), EvaluationError> {
        let layout = loaded.layout.name.clone();
        let is_accepted = suite.layouts.is_empty() || suite.layouts.contains(&layout) || loaded.layout.is_own;
        let mut notes = Vec::new();
        if !is_accepted && self.layout.is_none() && judges_alike(suite, &loaded.layout) {
            notes.push(format!("read by the layout `{layout}`, which the suite does not name"));
        } else if !is_accepted && self.layout.is_none() {
            let problem = format!(
                "the files have the layout `{layout}`, and it is asked of {}; name the layout if it is right \
                 all the same",
                suite.layouts.join(", ")
            );
            return Err(EvaluationError::tasks(&suite.name, problem));
        }
        if let Some(first) = loaded.unreadable.first() {
            let problem = format!(
                "{} of {} rows cannot be read; the first is {}: {}",
                loaded.unreadable.len(),
                loaded.num_rows,
                first.place,
                first.problem
            );
            return Err(EvaluationError::tasks(&suite.name, problem));
        }
        if !loaded.duplicates.is_empty() {
            notes.push(format!("{} rows are others again and were left out", loaded.duplicates.len()));
        }
        if loaded.num_filtered > 0 {
            notes.push(format!("{} of {} rows were filtered out", loaded.num_filtered, loaded.num_rows));
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for place in &loaded.places {
            if files.last().is_none_or(|last| *last != *place.file) {
                files.push(place.file.to_path_buf());
            }
        }
        Ok((LoadedTasks { tasks, layout: layout.clone(), shots: Vec::new(), notes }, layout, files))
    }

    /// The solved examples of a protocol that has some: of the files that are named, or of the split beside the tasks,
    /// where there is one.
    fn shots(&self, suite: &Suite, source: &DataSource) -> Result<Vec<Task>, EvaluationError> {
        let Some(shots) = &suite.protocol.shots else { return Ok(Vec::new()) };
        if !self.shots.is_empty() {
            let source = DataSource { paths: self.shots.clone(), split: None, ..source.clone() };
            return Ok(source.tasks()?.records);
        }
        if source.paths.iter().all(|path| path.is_file()) {
            return Ok(Vec::new());
        }
        let beside = DataSource { split: Some(shots.split.clone()), ..source.clone() };
        // A folder without that split is no error: the figure is marked for it.
        Ok(beside.tasks().map(|loaded| loaded.records).unwrap_or_default())
    }
}

/// True for a layout whose tasks are judged by a verifier that those of the suite's layouts are judged by too.
fn judges_alike(suite: &Suite, layout: &Layout) -> bool {
    let names = layout.verifier_names();
    let accepted = layout::shipped().iter().filter(|accepted| suite.layouts.contains(&accepted.name));
    accepted.flat_map(|accepted| accepted.verifier_names()).any(|name| names.contains(&name))
}

/// The files at `path` that belong to the suite's version: of a set in increments the first ones, of a set whose files
/// bear the version's name those with it. Other files, and folders of other sets, are taken as they are.
fn files_of_the_version(suite: &Suite, path: &Path) -> Result<Vec<PathBuf>, EvaluationError> {
    let Some(version) = suite.version.as_ref().or(suite.default_version.as_ref()) else {
        return Ok(vec![path.to_owned()]);
    };
    let version = &suite.versions[version];
    if let (true, Some(last)) = (path.is_file(), version.files) {
        let belongs = increment(path).is_none_or(|number| number <= last);
        return Ok(if belongs { vec![path.to_owned()] } else { Vec::new() });
    }
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let belongs = |file: &Path| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_counted = version.files.is_some_and(|last| increment(file).is_some_and(|number| number <= last));
        is_counted || version.file_prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix.as_str()))
    };
    let entries = std::fs::read_dir(path).map_err(|error| EvaluationError::read(path, error))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|file| file.is_file() && belongs(file)).collect();
    files.sort_by_key(|file| (increment(file), file.clone()));
    Ok(if files.is_empty() { vec![path.to_owned()] } else { files })
}

/// The place of a file among those of a set in increments: `test.jsonl` is 1, `test2.jsonl` is 2.
fn increment(path: &Path) -> Option<usize> {
    let name = path.file_name()?.to_str()?;
    let number = name.strip_prefix("test")?.split('.').next()?;
    if number.is_empty() { Some(1) } else { number.parse().ok() }
}
