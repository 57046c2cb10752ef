//! A cell of an Arrow array as JSON, without loss but for what JSON has no word for.
//!
//! | Arrow | JSON |
//! | --- | --- |
//! | integers of any width, booleans, nulls | the same |
//! | floats | the shortest number that reads back equal; NaN and infinities are null |
//! | decimals | a number with all its digits (`1.50` stays `1.50`) |
//! | text of any kind, dictionaries and runs | their values |
//! | binary | base64, always, text or not |
//! | dates, times, timestamps | ISO 8601 (`2024-08-03`, `12:30:00`, `2024-08-03T00:00:00`); with a zone in UTC, `Z` |
//! | durations, intervals | ISO 8601 durations |
//! | lists of any kind, structs | arrays, objects |
//! | maps | objects; a key that is no text is put into JSON |

use arrow::array::{Array, ArrayRef, AsArray, RunArray, UnionArray};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, RunEndIndexType, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

/// The value at an index of an array.
///
/// # Errors
/// The value is out of its type's range, in words.
pub(super) fn value(array: &ArrayRef, index: usize) -> Result<Value, String> {
    if array.is_null(index) {
        return Ok(Value::Null);
    }
    macro_rules! primitive {
        ($kind:ty) => {
            Value::from(array.as_primitive::<$kind>().value(index))
        };
    }
    macro_rules! decimal {
        ($kind:ty) => {
            number(&array.as_primitive::<$kind>().value_as_string(index))?
        };
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => Value::from(array.as_boolean().value(index)),
        DataType::Int8 => primitive!(Int8Type),
        DataType::Int16 => primitive!(Int16Type),
        DataType::Int32 => primitive!(Int32Type),
        DataType::Int64 => primitive!(Int64Type),
        DataType::UInt8 => primitive!(UInt8Type),
        DataType::UInt16 => primitive!(UInt16Type),
        DataType::UInt32 => primitive!(UInt32Type),
        DataType::UInt64 => primitive!(UInt64Type),
        DataType::Float16 => Value::from(f32::from(array.as_primitive::<Float16Type>().value(index))),
        DataType::Float32 => primitive!(Float32Type),
        DataType::Float64 => primitive!(Float64Type),
        DataType::Decimal32(..) => decimal!(Decimal32Type),
        DataType::Decimal64(..) => decimal!(Decimal64Type),
        DataType::Decimal128(..) => decimal!(Decimal128Type),
        DataType::Decimal256(..) => decimal!(Decimal256Type),
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(index)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(index)),
        DataType::Utf8View => Value::from(array.as_string_view().value(index)),
        DataType::Binary => base64(array.as_binary::<i32>().value(index)),
        DataType::LargeBinary => base64(array.as_binary::<i64>().value(index)),
        DataType::BinaryView => base64(array.as_binary_view().value(index)),
        DataType::FixedSizeBinary(_) => base64(array.as_fixed_size_binary().value(index)),
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => {
            Value::from(moment(array, index)?)
        }
        DataType::List(_) => list(&array.as_list::<i32>().value(index))?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(index))?,
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(index))?,
        DataType::ListView(_) => list(&array.as_list_view::<i32>().value(index))?,
        DataType::LargeListView(_) => list(&array.as_list_view::<i64>().value(index))?,
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(array.as_struct().columns());
            let entry = |(field, column): (_, &ArrayRef)| {
                let field: &arrow::datatypes::FieldRef = field;
                Ok((field.name().clone(), value(column, index)?))
            };
            Value::Object(columns.map(entry).collect::<Result<_, String>>()?)
        }
        DataType::Map(..) => map(array, index)?,
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let key = dictionary.keys().slice(index, 1);
            let key = value(&key, 0)?.as_u64().and_then(|key| usize::try_from(key).ok());
            let key = key.filter(|&key| key < dictionary.values().len());
            value(dictionary.values(), key.ok_or("a key that the dictionary has no value for")?)?
        }
        DataType::RunEndEncoded(ends, _) => match ends.data_type() {
            DataType::Int16 => run::<Int16Type>(array, index)?,
            DataType::Int32 => run::<Int32Type>(array, index)?,
            _ => run::<Int64Type>(array, index)?,
        },
        DataType::Union(..) => {
            let union = array.as_any().downcast_ref::<UnionArray>().ok_or("no union")?;
            value(&union.value(index), 0)?
        }
        DataType::Duration(_) | DataType::Interval(_) => {
            let options = FormatOptions::new().with_duration_format(DurationFormat::ISO8601);
            let formatter = ArrayFormatter::try_new(array, &options).map_err(|error| error.to_string())?;
            Value::from(formatter.value(index).try_to_string().map_err(|error| error.to_string())?)
        }
    })
}

fn number(digits: &str) -> Result<Value, String> {
    serde_json::from_str(digits).map(Value::Number).map_err(|error| format!("{digits}: {error}"))
}

fn base64(bytes: &[u8]) -> Value {
    Value::from(STANDARD.encode(bytes))
}

fn list(items: &ArrayRef) -> Result<Value, String> {
    (0..items.len()).map(|index| value(items, index)).collect()
}

fn run<Ends: RunEndIndexType>(array: &ArrayRef, index: usize) -> Result<Value, String> {
    let array: &RunArray<Ends> = array.as_any().downcast_ref().ok_or("no runs")?;
    value(array.values(), array.get_physical_index(index))
}

fn map(array: &ArrayRef, index: usize) -> Result<Value, String> {
    let entries = array.as_map().value(index);
    let (keys, values) = (entries.column(0), entries.column(1));
    let mut object = Map::new();
    for entry in 0..entries.len() {
        let key = match value(keys, entry)? {
            Value::String(text) => text,
            other => other.to_string(),
        };
        if object.insert(key.clone(), value(values, entry)?).is_some() {
            return Err(format!("a map has the key \"{key}\" twice"));
        }
    }
    Ok(Value::Object(object))
}

/// A date, time or timestamp in ISO 8601.
fn moment(array: &ArrayRef, index: usize) -> Result<String, String> {
    macro_rules! format {
        ($kind:ty, $get:ident, $format:literal) => {
            array.as_primitive::<$kind>().$get(index).map(|moment| moment.format($format).to_string())
        };
    }
    let text = match array.data_type() {
        DataType::Date32 => format!(Date32Type, value_as_date, "%Y-%m-%d"),
        DataType::Date64 => format!(Date64Type, value_as_date, "%Y-%m-%d"),
        DataType::Time32(TimeUnit::Second) => format!(Time32SecondType, value_as_time, "%H:%M:%S%.f"),
        DataType::Time32(_) => format!(Time32MillisecondType, value_as_time, "%H:%M:%S%.f"),
        DataType::Time64(TimeUnit::Microsecond) => format!(Time64MicrosecondType, value_as_time, "%H:%M:%S%.f"),
        DataType::Time64(_) => format!(Time64NanosecondType, value_as_time, "%H:%M:%S%.f"),
        DataType::Timestamp(TimeUnit::Second, _) => format!(TimestampSecondType, value_as_datetime, "%FT%T%.f"),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            format!(TimestampMillisecondType, value_as_datetime, "%FT%T%.f")
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            format!(TimestampMicrosecondType, value_as_datetime, "%FT%T%.f")
        }
        _ => format!(TimestampNanosecondType, value_as_datetime, "%FT%T%.f"),
    };
    let zone = if matches!(array.data_type(), DataType::Timestamp(_, Some(_))) { "Z" } else { "" };
    text.map(|text| text + zone).ok_or_else(|| "a date or time out of range".to_owned())
}
