//! A second file, whose rows are found by a key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::layout::definition::Join;
use crate::layout::expression::Columns;
use crate::layout::fault::Fault;
use crate::layout::item::Item;
use crate::rows;

/// The rows of the second file that was read last, by their key.
#[derive(Debug, Default)]
pub(super) struct JoinedFile {
    path: PathBuf,
    rows: HashMap<String, Map<String, Value>>,
}

impl JoinedFile {
    /// The row of the second file for this row; `None` where the file or the key is not there.
    pub(super) fn find(&mut self, join: &Join, columns: &Columns<'_>) -> Result<Option<Value>, Fault> {
        let name = Item::Json(join.file.value(columns)?).into_text()?;
        let path = columns.context.place.file.parent().unwrap_or(Path::new("")).join(name);
        if path != self.path {
            self.rows = read(&path, &join.key)?;
            self.path = path;
        }
        let row = columns.fields.get(&join.key).and_then(|key| self.rows.get(&key.to_string()));
        Ok(row.cloned().map(Value::Object))
    }
}

fn read(path: &Path, key: &str) -> Result<HashMap<String, Map<String, Value>>, Fault> {
    let mut found = HashMap::new();
    if !path.exists() {
        return Ok(found);
    }
    let problem = |error: crate::DatasetError| Fault::Value(error.to_string());
    for row in rows::open(&[path.to_owned()], None).map_err(problem)? {
        let row = row.map_err(problem)?;
        let key = row.fields.get(key).map(Value::to_string);
        let key =
            key.ok_or_else(|| Fault::Value(format!("{}: there is no column by which it is joined", row.place)))?;
        if found.insert(key.clone(), row.fields).is_some() {
            return Err(Fault::Value(format!("{}: the key {key} stands there twice", row.place)));
        }
    }
    Ok(found)
}
