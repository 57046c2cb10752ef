//! A source of data: files, the layout of their rows, and which rows are wanted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use progress::{Progress, Unit};

use super::account::Account;
use super::{files, limit, telling};
use crate::candidates::Candidates;
use crate::error::DatasetError;
use crate::layout::{self, Fault, Layout, Outcome, Records, RowReader};
use crate::loaded::Loaded;
use crate::preference::PreferencePair;
use crate::reader;
use crate::record::Record;
use crate::rows::{Place, PlaceUnit, Row};
use crate::task::Task;
use crate::trace::Trace;

/// Files of any format, and how their rows are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataSource {
    /// Files, and folders with splits and shards.
    pub paths: Vec<PathBuf>,
    /// The layout by name, or the file of one; told by the columns where absent.
    pub layout: Option<String>,
    /// Assignments `key=value` on the layout's keys.
    pub set: Vec<String>,
    /// The split to read.
    pub split: Option<String>,
    /// A condition on the columns: rows for which it does not hold are left out.
    pub filter: Option<String>,
    /// Most records; which ones is drawn by their ids and the seed, the same for every model.
    pub limit: Option<usize>,
    /// Seed of the draw of a limit, and of the order of options that have none; 0 by default.
    pub seed: u64,
}

/// What becomes of a row, of records of one kind.
type ReadRow<T> = fn(&mut RowReader, Row) -> Result<Outcome<T>, Fault>;

impl DataSource {
    /// A source of these files, all of whose rows are read by the layout that their columns tell.
    pub fn new(paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self { paths: paths.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The tasks.
    ///
    /// # Errors
    /// A file cannot be read, no layout or several fit, a key of the layout or a column is wrong, a split is not there.
    /// A row that cannot be read is no error, it stands among [`Loaded::unreadable`]: but in our own files it is.
    pub fn tasks(&self) -> Result<Loaded<Task>, DatasetError> {
        self.load(Records::Tasks, RowReader::tasks)
    }

    /// The traces.
    ///
    /// # Errors
    /// As for [`DataSource::tasks`].
    pub fn traces(&self) -> Result<Loaded<Trace>, DatasetError> {
        self.load(Records::Traces, RowReader::traces)
    }

    /// The prompts with their better and worse completions.
    ///
    /// # Errors
    /// As for [`DataSource::tasks`].
    pub fn candidates(&self) -> Result<Loaded<Candidates>, DatasetError> {
        let layout = self.layout(Some(Records::Preferences))?;
        match self.own_file(&layout) {
            Some(path) => Ok(strict::<PreferencePair>(path, layout)?.map(|pair| vec![pair.into()])),
            None => self.read(Records::Preferences, layout, RowReader::candidates, |candidates| &candidates.id),
        }
    }

    /// The pairs: each better completion of a row beside each worse one. A limit counts rows.
    ///
    /// # Errors
    /// As for [`DataSource::tasks`].
    pub fn preferences(&self) -> Result<Loaded<PreferencePair>, DatasetError> {
        Ok(self.candidates()?.map(Candidates::pairs))
    }

    /// The layout by which the source is read: named, or told by the columns of its first rows.
    ///
    /// # Errors
    /// No layout or several fit, or a key of it is wrong.
    pub fn layout(&self, wanted: Option<Records>) -> Result<Arc<Layout>, DatasetError> {
        match &self.layout {
            Some(name) => layout::load(name, &self.set),
            None => telling::tell(&self.paths, self.split.as_deref(), &self.set, wanted),
        }
    }

    fn load<T: Record>(&self, records: Records, read: ReadRow<T>) -> Result<Loaded<T>, DatasetError> {
        let layout = self.layout(Some(records))?;
        match self.own_file(&layout) {
            Some(path) => strict(path, layout),
            None => self.read(records, layout, read, T::id),
        }
    }

    /// The one plain file of our own that is read whole: its errors name lines and fields.
    fn own_file(&self, layout: &Layout) -> Option<&Path> {
        let is_whole = self.filter.is_none() && self.limit.is_none() && self.split.is_none();
        let path = self.paths.first().filter(|_| self.paths.len() == 1 && is_whole && layout.is_own)?;
        telling::is_plain_json_lines(path).then_some(path.as_path())
    }

    fn read<T>(
        &self,
        records: Records,
        layout: Arc<Layout>,
        read: ReadRow<T>,
        id: fn(&T) -> &str,
    ) -> Result<Loaded<T>, DatasetError> {
        if layout.records != records {
            let problem = format!("it gives {}, and {records} are wanted", layout.records);
            return Err(DatasetError::Layout { name: layout.name.clone(), problem });
        }
        let reader = RowReader::new(layout.clone(), self.filter.as_deref(), self.split.as_deref(), self.seed);
        let reader = reader.map_err(|problem| DatasetError::Layout { name: layout.name.clone(), problem })?;
        let mut account = Account::new(reader, layout.clone(), read, id);
        let first = self.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        let progress = Progress::aside(format!("reading {first}, row"), Unit::Parts, None);
        for row in files::open(&self.paths, self.split.as_deref(), &layout)? {
            account.add(row?)?;
            progress.advance(1);
        }
        let mut loaded = account.finish(&self.paths)?;
        if let Some(most) = self.limit {
            limit::draw(&mut loaded, most, self.seed, id);
        }
        Ok(loaded)
    }
}

/// The records of a file of our own, of which the first wrong line is an error.
fn strict<T: Record>(path: &Path, layout: Arc<Layout>) -> Result<Loaded<T>, DatasetError> {
    let file: Arc<Path> = Arc::from(path);
    let mut loaded = Loaded::empty(layout);
    for (line, record) in reader::read_lines(path)? {
        loaded.num_rows += 1;
        loaded.places.push(Place { file: file.clone(), row: line as u64, unit: PlaceUnit::Line });
        loaded.records.push(record);
    }
    Ok(loaded)
}
