//! Arrow's arrays to values of rows, by the names of columns. A column that is not there, and a cell that is null, is
//! `None`. Must not know which table the columns are of.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, MapArray, PrimitiveArray, RecordBatch, StringArray, StructArray,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type};

use crate::error::RecordError;

/// Columns of a batch of rows.
pub(crate) struct Columns {
    batch: RecordBatch,
}

impl From<RecordBatch> for Columns {
    fn from(batch: RecordBatch) -> Self {
        Self { batch }
    }
}

impl Columns {
    pub(crate) fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub(crate) fn text(&self, name: &str, row: usize) -> Result<Option<String>, RecordError> {
        self.cell::<StringArray, _>(name, row, |column| Some(column.value(row).to_owned()))
    }

    pub(crate) fn flag(&self, name: &str, row: usize) -> Result<Option<bool>, RecordError> {
        self.cell::<BooleanArray, _>(name, row, |column| Some(column.value(row)))
    }

    pub(crate) fn number<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        row: usize,
    ) -> Result<Option<T::Native>, RecordError> {
        self.cell::<PrimitiveArray<T>, _>(name, row, |column| Some(column.value(row)))
    }

    /// A list of numbers; an item that is null is an error.
    pub(crate) fn list<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        row: usize,
    ) -> Result<Option<Vec<T::Native>>, RecordError> {
        self.cell::<ListArray, _>(name, row, |column| {
            let items = column.value(row);
            items.as_primitive_opt::<T>().filter(|items| items.null_count() == 0).map(|items| items.values().to_vec())
        })
    }

    /// A list of lists of numbers; an item that is null is an error.
    pub(crate) fn nested_list<T: ArrowPrimitiveType>(
        &self,
        name: &str,
        row: usize,
    ) -> Result<Option<Vec<Vec<T::Native>>>, RecordError> {
        self.cell::<ListArray, _>(name, row, |column| {
            let lists = column.value(row);
            let numbers = |list: Option<ArrayRef>| {
                let list = list?;
                let list = list.as_primitive_opt::<T>().filter(|list| list.null_count() == 0)?;
                Some(list.values().to_vec())
            };
            lists.as_list_opt::<i32>()?.iter().map(numbers).collect()
        })
    }

    /// A list of float32 that may be null.
    pub(crate) fn token_list(&self, name: &str, row: usize) -> Result<Option<Vec<Option<f32>>>, RecordError> {
        self.cell::<ListArray, _>(name, row, |column| {
            Some(column.value(row).as_primitive_opt::<Float32Type>()?.iter().collect())
        })
    }

    /// A list of structs, as the columns of their fields.
    pub(crate) fn structs(&self, name: &str, row: usize) -> Result<Option<Self>, RecordError> {
        self.cell::<ListArray, _>(name, row, |column| {
            let items = column.value(row);
            let structs: &StructArray = items.as_struct_opt().filter(|items| items.null_count() == 0)?;
            Some(Self { batch: RecordBatch::from(structs) })
        })
    }

    /// A map from names to texts; a text that is null is an error.
    pub(crate) fn text_map(&self, name: &str, row: usize) -> Result<Option<Vec<(String, String)>>, RecordError> {
        self.cell::<MapArray, _>(name, row, |column| {
            let entries = column.value(row);
            let (names, words) = (entries.column(0).as_string_opt::<i32>()?, entries.column(1).as_string_opt::<i32>()?);
            names.iter().zip(words).map(|(name, word)| Some((name?.to_owned(), word?.to_owned()))).collect()
        })
    }

    /// A map from names to float32; a number that is null is an error.
    pub(crate) fn float_map(&self, name: &str, row: usize) -> Result<Option<Vec<(String, f32)>>, RecordError> {
        self.cell::<MapArray, _>(name, row, |column| {
            let entries = column.value(row);
            let names = entries.column(0).as_string_opt::<i32>()?;
            let values = entries.column(1).as_primitive_opt::<Float32Type>()?;
            names.iter().zip(values).map(|(name, value)| Some((name?.to_owned(), value?))).collect()
        })
    }

    /// A cell by what `value` reads of its column; `value` gives `None` where the column has another type within.
    fn cell<A: Array + 'static, T>(
        &self,
        name: &str,
        row: usize,
        value: impl FnOnce(&A) -> Option<T>,
    ) -> Result<Option<T>, RecordError> {
        let wrong_type = || RecordError::WrongColumnType { column: name.to_owned() };
        let Some(column) = self.batch.column_by_name(name) else { return Ok(None) };
        if column.data_type() == &DataType::Null {
            return Ok(None);
        }
        let column = column.as_any().downcast_ref::<A>().ok_or_else(wrong_type)?;
        if column.is_null(row) { Ok(None) } else { value(column).map(Some).ok_or_else(wrong_type) }
    }
}
