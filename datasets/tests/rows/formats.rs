//! One table in every format and packing.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use datasets::rows::{self, Options, PlaceUnit};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Folder, gzip, read, zstd};

#[derive(Debug, Clone)]
struct TableRow {
    number: Option<i64>,
    text: Option<String>,
    flag: bool,
    share: f64,
    items: Vec<Option<String>>,
    inner: (i64, String),
}

impl TableRow {
    fn fields(&self) -> Map<String, Value> {
        let value = json!({
            "number": self.number,
            "text": self.text,
            "flag": self.flag,
            "share": self.share,
            "items": self.items,
            "inner": {"a": self.inner.0, "b": self.inner.1},
        });
        value.as_object().unwrap().clone()
    }
}

fn table() -> impl Strategy<Value = Vec<TableRow>> {
    let text = || "(?s)[\\PC\n\r\t\"\\\\{}\\[\\],]{0,12}";
    let row = (
        any::<Option<i64>>(),
        prop::option::of(text()),
        any::<bool>(),
        -1e9..1e9,
        prop::collection::vec(prop::option::of(text()), 0..4),
        (any::<i64>(), text()),
    );
    let row =
        row.prop_map(|(number, text, flag, share, items, inner)| TableRow { number, text, flag, share, items, inner });
    prop::collection::vec(row, 1..30)
}

fn batch(rows: &[TableRow]) -> RecordBatch {
    let mut items = ListBuilder::new(StringBuilder::new());
    for row in rows {
        items.append_value(row.items.iter().map(|item| item.as_deref()));
    }
    let a: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.inner.0)));
    let b: ArrayRef = Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.inner.1)));
    let inner = StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Int64, false)), a),
        (Arc::new(Field::new("b", DataType::Utf8, false)), b),
    ]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("number", Arc::new(rows.iter().map(|row| row.number).collect::<Int64Array>())),
        ("text", Arc::new(rows.iter().map(|row| row.text.as_deref()).collect::<StringArray>())),
        ("flag", Arc::new(rows.iter().map(|row| Some(row.flag)).collect::<BooleanArray>())),
        ("share", Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.share)))),
        ("items", Arc::new(items.finish())),
        ("inner", Arc::new(inner)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(batch: &RecordBatch, group_rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// The batch twice, in halves.
fn arrow_file(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let half = batch.num_rows() / 2;
    writer.write(&batch.slice(0, half)).unwrap();
    writer.write(&batch.slice(half, batch.num_rows() - half)).unwrap();
    writer.into_inner().unwrap()
}

fn arrow_stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn json_lines(rows: &[Map<String, Value>]) -> String {
    rows.iter().map(|row| json!(row).to_string() + "\n").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_table_is_the_same_in_every_format(table in table(), group_rows in 1_usize..9) {
        let rows: Vec<_> = table.iter().map(TableRow::fields).collect();
        let folder = Folder::new();
        let lines = json_lines(&rows);
        let array = serde_json::to_string_pretty(&rows).unwrap();
        let pretty: String = rows.iter().map(|row| serde_json::to_string_pretty(row).unwrap() + "\n").collect();
        let batch = batch(&table);
        // Names say nothing but that it is not CSV: the bytes decide.
        let files = [
            folder.write("lines.json", format!("\u{feff}\n \n{}", lines.replace('\n', "\r\n\n"))),
            folder.write("lines.jsonl.gz", gzip(lines.as_bytes())),
            folder.write("lines.unknown", zstd(lines.trim_end().as_bytes())),
            folder.write("array.json", &array),
            folder.write("array.json.zst", zstd(array.as_bytes())),
            folder.write("pretty.json", pretty),
            folder.write("table.parquet", parquet(&batch, group_rows)),
            folder.write("file.arrow", arrow_file(&batch)),
            folder.write("stream.arrow", arrow_stream(&batch)),
            folder.write("stream.gz", gzip(&arrow_stream(&batch))),
        ];
        for file in files {
            prop_assert_eq!(&read(std::slice::from_ref(&file), None).unwrap(), &rows, "{}", file.display());
        }
    }

    #[test]
    fn texts_are_the_same_in_csv(
        table in prop::collection::vec(("(?s)[\\PC\n\"',;]{0,9}", "(?s)[\\PC\n\"',;]{1,9}"), 1..20),
        packing in 0..3,
    ) {
        let folder = Folder::new();
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["left column", "right\ncolumn"]).unwrap();
        for (left, right) in &table {
            writer.write_record([left, right]).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let file = match packing {
            0 => folder.write("table.csv", [b"\xef\xbb\xbf", &text[..]].concat()),
            1 => folder.write("table.csv.gz", gzip(text.strip_suffix(b"\n").unwrap_or(&text))),
            _ => folder.write("table.csv.zst", zstd(&text)),
        };
        let expected: Vec<Value> =
            table.iter().map(|(left, right)| json!({"left column": left, "right\ncolumn": right})).collect();
        prop_assert_eq!(json!(read(&[file], None).unwrap()), json!(expected));
    }
}

#[test]
fn rows_know_their_place_in_their_file_and_their_number_over_all() {
    let folder = Folder::new();
    let lines = folder.write("a.jsonl", "{\"a\":1}\n\n{\"a\":2}\n");
    let table = folder.write("b.csv", "a\n3\n\"4\n4\"\n5\n");
    let rows: Vec<_> = rows::open(&[lines, table], None).unwrap().map(Result::unwrap).collect();
    let places: Vec<_> = rows.iter().map(|row| (row.index, row.place.row, row.place.unit)).collect();
    let (line, row) = (PlaceUnit::Line, PlaceUnit::Row);
    assert_eq!(places, [(0, 1, line), (1, 3, line), (2, 1, row), (3, 2, row), (4, 3, row)]);
    assert!(rows[1].place.to_string().ends_with("a.jsonl, line 3"), "{}", rows[1].place);
    assert!(rows[4].place.to_string().ends_with("b.csv, row 3"), "{}", rows[4].place);
}

#[test]
fn one_object_is_one_row_and_no_content_is_none() {
    let folder = Folder::new();
    for (content, expected) in [
        ("{\"a\": [{}]}", json!([{"a": [{}]}])),
        ("{\n  \"a\": \"}\\\"{\"\n}\n", json!([{"a": "}\"{"}])),
        ("{\"a\": 1}{\n\"a\": 2}", json!([])),
        ("[]\n", json!([])),
        (" [ ] ", json!([])),
        ("", json!([])),
        ("\n\n", json!([])),
    ] {
        let path = folder.write("object.json", content);
        match read(&[path], None) {
            Ok(rows) => assert_eq!(json!(rows), expected, "{content:?}"),
            Err(error) => assert!(content.contains("}{"), "{content:?}: {error}"),
        }
    }
}

#[test]
fn numbers_of_any_length_survive() {
    let digits = "9".repeat(9131);
    let folder = Folder::new();
    let path = folder.write("long.jsonl", format!("{{\"n\": {digits}, \"x\": 0.10000000000000000000001}}\n"));
    let rows = read(&[path], None).unwrap();
    assert_eq!(rows[0]["n"].to_string(), digits);
    assert_eq!(rows[0]["x"].to_string(), "0.10000000000000000000001");
}

#[test]
fn a_table_without_header_takes_the_names_that_are_given() {
    let columns: Vec<String> = ["question", "A", "answer"].map(str::to_owned).to_vec();
    let options = Options { columns: Some(columns), ..Options::default() };
    let folder = Folder::new();
    let expected = json!([{"question": "1, 2?", "A": "", "answer": "A"}, {"question": "q", "A": "a", "answer": "B"}]);
    let rows = "\"1, 2?\",,A\nq,a,B\n";
    // With a header of the same names it is the same table, and with names the ending says nothing.
    for (name, text) in [("test.csv", rows.to_owned()), ("test", format!("question,A,answer\n{rows}"))] {
        let path = folder.write(name, text);
        let read: Vec<_> = rows::open_with(&[path], &options).unwrap().map(|row| row.unwrap().fields).collect();
        assert_eq!(json!(read), expected);
    }
    let tabs = folder.write("test.tsv", "a\tb\n1,5\t2\n");
    assert_eq!(json!(read(&[tabs], None).unwrap()), json!([{"a": "1,5", "b": "2"}]));
}

#[test]
fn packed_files_may_be_put_together() {
    let folder = Folder::new();
    let (first, second) = (b"{\"a\":1}\n", b"{\"a\":2}\n");
    let members = folder.write("members.gz", [gzip(first), gzip(second)].concat());
    let frames = folder.write("frames.zst", [zstd(first), zstd(second)].concat());
    for path in [members, frames] {
        assert_eq!(json!(read(&[path], None).unwrap()), json!([{"a": 1}, {"a": 2}]));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = rows::open(&[Path::new("/nowhere/rows.jsonl").to_owned()], None).err().unwrap();
    assert!(error.to_string().starts_with("/nowhere/rows.jsonl: cannot be read"), "{error}");
}
