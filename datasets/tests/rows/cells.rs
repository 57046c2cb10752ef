//! Arrow's types as JSON.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, Decimal128Array, Decimal256Array, DictionaryArray, DurationSecondArray,
    FixedSizeBinaryArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int32Array,
    Int64Array, LargeListArray, LargeStringArray, ListViewArray, MapBuilder, NullArray, RecordBatch, RunArray,
    StringArray, StringBuilder, StringViewArray, StructArray, Time64MicrosecondArray, TimestampMillisecondArray,
    TimestampSecondArray, UInt8Array, UInt64Array,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Float16Type, Int8Type, Int32Type, Int64Type, i256};
use arrow::ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};

use super::{Folder, problem, read};

fn stream(array: ArrayRef) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// The column's values, read from an Arrow stream.
fn values(array: ArrayRef) -> Value {
    let folder = Folder::new();
    let path = folder.write("c.arrow", stream(array));
    read(&[path], None).unwrap().into_iter().map(|mut row| row.remove("c").unwrap()).collect()
}

fn value(array: impl Array + 'static) -> Value {
    values(Arc::new(array))
}

#[test]
fn numbers_keep_every_digit() {
    assert_eq!(value(Int8Array::from(vec![Some(-128), None])), json!([-128, null]));
    assert_eq!(value(UInt8Array::from(vec![255])), json!([255]));
    assert_eq!(value(Int64Array::from(vec![i64::MIN])), json!([i64::MIN]));
    assert_eq!(value(UInt64Array::from(vec![u64::MAX])), json!([u64::MAX]));
    assert_eq!(value(Float32Array::from(vec![0.1, 1e30, 27.0])).to_string(), "[0.1,1e+30,27.0]");
    assert_eq!(value(Float64Array::from(vec![0.1, f64::NAN, f64::INFINITY])), json!([0.1, null, null]));
    type Half = <Float16Type as ArrowPrimitiveType>::Native;
    assert_eq!(value(Float16Array::from(vec![Half::from_f32(0.5)])), json!([0.5]));
    let decimals = Decimal128Array::from(vec![Some(150), Some(-5), None]).with_precision_and_scale(20, 2).unwrap();
    assert_eq!(value(decimals).to_string(), "[1.50,-0.05,null]");
    let long = i256::from_string(&"9".repeat(70)).unwrap();
    let decimals = Decimal256Array::from(vec![long]).with_precision_and_scale(76, 0).unwrap();
    assert_eq!(value(decimals).to_string(), format!("[{}]", "9".repeat(70)));
}

#[test]
fn texts_come_out_of_every_layout() {
    let expected = json!(["a", null, "a long text that a view does not hold itself", "a"]);
    let texts = vec![Some("a"), None, Some("a long text that a view does not hold itself"), Some("a")];
    assert_eq!(value(StringArray::from(texts.clone())), expected);
    assert_eq!(value(LargeStringArray::from(texts.clone())), expected);
    assert_eq!(value(StringViewArray::from(texts.clone())), expected);
    assert_eq!(value(texts.iter().copied().collect::<DictionaryArray<Int8Type>>()), expected);
    assert_eq!(value(texts.into_iter().collect::<RunArray<Int32Type>>()), expected);
    assert_eq!(value(NullArray::new(2)), json!([null, null]));
}

#[test]
fn bytes_are_base64_and_moments_iso() {
    assert_eq!(value(BinaryArray::from(vec![&b"text"[..], b"\xff\x00"])), json!(["dGV4dA==", "/wA="]));
    let fixed = FixedSizeBinaryArray::try_from_iter([[0_u8, 1, 2]].iter()).unwrap();
    assert_eq!(value(fixed), json!(["AAEC"]));
    assert_eq!(value(Date32Array::from(vec![19938])), json!(["2024-08-03"]));
    let moments = vec![1_722_643_200_000, 1_722_643_200_250];
    let naive = TimestampMillisecondArray::from(moments.clone());
    assert_eq!(value(naive), json!(["2024-08-03T00:00:00", "2024-08-03T00:00:00.250"]));
    let zoned = TimestampMillisecondArray::from(moments).with_timezone("Europe/Berlin");
    assert_eq!(value(zoned), json!(["2024-08-03T00:00:00Z", "2024-08-03T00:00:00.250Z"]));
    assert_eq!(value(TimestampSecondArray::from(vec![-1])), json!(["1969-12-31T23:59:59"]));
    assert_eq!(value(Time64MicrosecondArray::from(vec![45_000_500_000])), json!(["12:30:00.500"]));
    assert_eq!(value(DurationSecondArray::from(vec![90])), json!(["PT90S"]));
}

#[test]
fn a_moment_out_of_range_is_an_error_with_its_column() {
    let folder = Folder::new();
    let path = folder.write("c.arrow", stream(Arc::new(TimestampSecondArray::from(vec![0, i64::MAX]))));
    assert_eq!(problem(&path), ", row 2: column \"c\": a date or time out of range");
}

#[test]
fn nested_values_are_arrays_and_objects() {
    let items = || vec![Some(vec![Some(1), None]), None, Some(vec![])];
    let expected = json!([[1, null], null, []]);
    assert_eq!(value(LargeListArray::from_iter_primitive::<Int64Type, _, _>(items())), expected);
    let list = arrow::array::ListArray::from_iter_primitive::<Int64Type, _, _>(items());
    assert_eq!(value(ListViewArray::from(list)), expected);
    let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), None]), None], 2);
    assert_eq!(value(fixed), json!([[1, null], null]));

    let empty: ArrayRef = Arc::new(StructArray::new_empty_fields(2, None));
    assert_eq!(values(empty), json!([{}, {}]));
    let mut map = MapBuilder::new(None, StringBuilder::new(), arrow::array::Int32Builder::new());
    map.keys().append_value("b");
    map.values().append_value(1);
    map.keys().append_value("a");
    map.values().append_null();
    map.append(true).unwrap();
    map.append(false).unwrap();
    assert_eq!(value(map.finish()).to_string(), r#"[{"b":1,"a":null},null]"#);
}

/// Old writers call a list's items `item`, others `element`; both are read alike, under structs too.
#[test]
fn lists_are_read_under_either_inner_name() {
    for name in ["item", "element", "array"] {
        let inner = Arc::new(Field::new(name, DataType::Int32, true));
        let offsets = arrow::buffer::OffsetBuffer::from_lengths([2, 0, 1]);
        let list = arrow::array::ListArray::new(
            inner,
            offsets,
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
            None,
        );
        let field = Arc::new(Field::new("list", list.data_type().clone(), true));
        let outer: ArrayRef = Arc::new(StructArray::from(vec![(field, Arc::new(list) as ArrayRef)]));
        let batch = RecordBatch::try_from_iter([("outer", outer)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let folder = Folder::new();
        let rows = read(&[folder.write("list.parquet", bytes)], None).unwrap();
        let expected = json!([{"outer": {"list": [1, null]}}, {"outer": {"list": []}}, {"outer": {"list": [3]}}]);
        assert_eq!(json!(rows), expected);
    }
}
