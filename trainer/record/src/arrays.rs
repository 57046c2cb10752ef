//! Values of rows to Arrow's arrays. Must not know which table they are for.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float32Builder, GenericListBuilder, ListArray, MapBuilder, PrimitiveBuilder, StringArray, StringBuilder,
    StructArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Fields, Float32Type};
use arrow::error::ArrowError;

/// Texts, one a row.
pub(crate) fn texts<'a>(rows: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(rows.collect::<StringArray>())
}

/// Numbers, one a row.
pub(crate) fn numbers<T: ArrowPrimitiveType>(rows: impl Iterator<Item = Option<T::Native>>) -> ArrayRef {
    let mut builder = PrimitiveBuilder::<T>::new();
    rows.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

/// Lists of numbers, one a row.
pub(crate) fn lists<'a, T: ArrowPrimitiveType>(rows: impl Iterator<Item = Option<&'a [T::Native]>>) -> ArrayRef {
    let mut builder = GenericListBuilder::<i32, _>::new(PrimitiveBuilder::<T>::new());
    for row in rows {
        builder.values().append_slice(row.unwrap_or_default());
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

/// Lists of lists of numbers, one a row.
pub(crate) fn nested_lists<'a, T: ArrowPrimitiveType>(
    rows: impl Iterator<Item = Option<&'a [Vec<T::Native>]>>,
) -> ArrayRef {
    let inner = GenericListBuilder::<i32, _>::new(PrimitiveBuilder::<T>::new());
    let mut builder = GenericListBuilder::<i32, _>::new(inner);
    for row in rows {
        for list in row.unwrap_or_default() {
            builder.values().values().append_slice(list);
            builder.values().append(true);
        }
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

/// Lists of float32 that may be null, one list a row.
pub(crate) fn token_lists<'a>(rows: impl Iterator<Item = Option<&'a [Option<f32>]>>) -> ArrayRef {
    let mut builder = GenericListBuilder::<i32, _>::new(PrimitiveBuilder::<Float32Type>::new());
    for row in rows {
        row.unwrap_or_default().iter().for_each(|value| builder.values().append_option(*value));
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

/// All items of lists, end to end.
pub(crate) fn flat<'a, T: 'a>(rows: impl Iterator<Item = Option<&'a [T]>>) -> impl Iterator<Item = &'a T> {
    rows.flatten().flatten()
}

/// Lists of structs, one list a row. `fields` have one value for each of the [`flat`] items of the lists.
pub(crate) fn struct_lists<'a, T: 'a>(
    rows: impl Iterator<Item = Option<&'a [T]>>,
    fields: Vec<(&str, ArrayRef)>,
) -> ArrayRef {
    let lengths: Vec<Option<usize>> = rows.map(|row| row.map(<[T]>::len)).collect();
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) =
        fields.into_iter().map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
    let structs = StructArray::new(Fields::from(fields), arrays, None);
    let item = Arc::new(Field::new("item", DataType::Struct(structs.fields().clone()), true));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().map(|length| length.unwrap_or(0)));
    let nulls = NullBuffer::from_iter(lengths.iter().map(Option::is_some));
    Arc::new(ListArray::new(item, offsets, Arc::new(structs), Some(nulls)))
}

/// Maps from a name to a text, one a row, in the order of the pairs.
pub(crate) fn text_maps<'a>(rows: impl Iterator<Item = &'a [(String, String)]>) -> Result<ArrayRef, ArrowError> {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (name, word) in row {
            builder.keys().append_value(name);
            builder.values().append_value(word);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

/// Maps from a name to a float32, one a row, in the order of the pairs.
pub(crate) fn float_maps<'a>(rows: impl Iterator<Item = &'a [(String, f32)]>) -> Result<ArrayRef, ArrowError> {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Float32Builder::new());
    for row in rows {
        for (name, value) in row {
            builder.keys().append_value(name);
            builder.values().append_value(*value);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}
