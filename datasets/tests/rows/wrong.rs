//! Wrong files: named with their place, never a panic, never a row less in silence.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use datasets::rows;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::{Folder, gzip, problem, read, zstd};

#[test]
fn a_broken_line_is_named() {
    let folder = Folder::new();
    let of = |content: &[u8]| problem(&folder.write("rows.jsonl", content));
    assert_eq!(
        of(b"{\"a\":1}\n\n{\"a\":\n{\"a\":2}\n"),
        ", line 3: not a JSON object: EOF while parsing a value at line 1 column 5"
    );
    // A broken first line is no object that goes on below.
    assert!(of(b"{\"a\":\n{\"a\":2}\n").starts_with(", line 1: not a JSON object: EOF"));
    assert_eq!(of(b"{\"a\":1}\n[1]\n"), ", line 2: a row is an object in braces, found an array");
    assert_eq!(of(b"{\"a\":1}\n7\n"), ", line 2: a row is an object in braces, found a number");
    assert!(of(b"{\"a\":1}\n{\"a\":\"\xff\"}\n").starts_with(", line 2: not UTF-8 text: "));
    assert!(of(b"a\n").starts_with(", line 1: a row is an object in braces, found \"a\""));
}

#[test]
fn a_broken_array_is_named_with_its_row() {
    let folder = Folder::new();
    let of = |content: &str| problem(&folder.write("rows.json", content));
    assert_eq!(of("[{}, {}"), ", row 3: the array is not closed: the file is cut off");
    assert_eq!(of("["), ", row 1: the array is not closed: the file is cut off");
    assert_eq!(of("[{}, {\"a\": [1}, {}]"), ", row 2: not a JSON object: expected `,` or `]` at line 1 column 9");
    assert_eq!(of("[{}, {\"a\": \"}"), ", row 2: the object is not closed: the file is cut off");
    assert_eq!(of("[{} {}]"), ", row 2: expected \",\" or \"]\" after the row before, found \"{\"");
    assert_eq!(of("[{},]"), ", row 2: a row is an object in braces, found \"]\"");
    assert_eq!(of("[1, 2]"), ", row 1: a row is an object in braces, found a number");
    assert_eq!(of("[[{}]]"), ", row 1: a row is an object in braces, found an array");
    assert_eq!(of("[{}]\n[{}]"), ", row 2: the array is closed, but an array follows");
}

#[test]
fn a_wrong_row_of_csv_is_named() {
    let folder = Folder::new();
    let of = |content: &[u8]| problem(&folder.write("rows.csv", content));
    assert_eq!(of(b"a,b\n1,2\n\"3\n3\",4\n5\n"), ", row 3: 1 cells (line 5), but there are 2 columns");
    assert_eq!(of(b"a,b\n1,2,3\n"), ", row 1: 3 cells (line 2), but there are 2 columns");
    assert!(of(b"a,b\n1,\xff\n").starts_with(", row 1: column \"b\" (line 2): not UTF-8 text: "));
    assert_eq!(of(b"a,b\n1,2\n3,\"4\n5,6\n"), ", row 2: a quote is opened in this row (line 3) and never closed");
    assert_eq!(of(b"a,\"b\n1,2\n"), ": header: a quote is opened in this row (line 1) and never closed");
    assert_eq!(of(b"a,b,a\n1,2,3\n"), ": header: column \"a\" stands there twice");
}

#[test]
fn files_of_other_kinds_are_told_by_what_is_seen() {
    let folder = Folder::new();
    for (name, content, expected) in [
        (
            "rows.parquet",
            &b"version https://git-lfs.github.com/spec/v1\noid"[..],
            ": the file is the pointer of a large",
        ),
        ("rows.jsonl", b"<!DOCTYPE html>", ": the file is HTML; a download may have failed"),
        ("rows.csv", b"version https://git-lfs.github.com/spec/v1\noid", ": the file is the pointer of a large"),
        ("rows.zip", b"PK\x03\x04....", ": the file is a zip archive: unpack it"),
        ("rows.parquet", b"", ": the file is empty"),
        ("rows.bin", b"\x01\x02 and more", ": unknown format: the file begins with 01 02 20 61 6e 64"),
        (
            "rows.txt",
            b"question, answer\n1, 2",
            ": unknown format: the file begins with \"question, answer\"; JSON Lines",
        ),
        ("rows.jsonl", b"\xff\xfe{\x00", ", line 1: not UTF-8 text: "),
    ] {
        let problem = problem(&folder.write(name, content));
        assert!(problem.starts_with(expected), "{problem}");
    }
    let packed = problem(&folder.write("rows.parquet.gz", gzip(&parquet(20, 10))));
    assert_eq!(packed, ": Parquet and Arrow files are packed within, not around: unpack it first");
}

#[test]
fn what_is_cut_off_is_read_up_to_there_and_named() {
    let folder = Folder::new();
    let text: String = (0..20_000).map(|row: u64| format!("{{\"a\":{}}}\n", row.wrapping_mul(0x9e37_79b9))).collect();
    for (name, content) in [("rows.jsonl.gz", gzip(text.as_bytes())), ("rows.jsonl.zst", zstd(text.as_bytes()))] {
        let path = folder.write(name, &content[..content.len() * 3 / 4]);
        let rows: Vec<_> = rows::open(&[path], None).unwrap().collect();
        let (last, whole) = rows.split_last().unwrap();
        assert!(whole.len() > 1000 && whole.iter().all(Result::is_ok), "{name}: {} rows", whole.len());
        let problem = last.as_ref().unwrap_err().to_string();
        let line = whole.len() + 1;
        assert!(problem.contains(&format!("{name}, line {line}: the file is cut off")), "{problem}");
    }
    // Nor is a short file's end missed, nor its checksum.
    for cut in [1, 8, 12] {
        let content = gzip(b"{\"a\":1}\n");
        let path = folder.write("short.jsonl.gz", &content[..content.len() - cut]);
        assert!(problem(&path).contains("cut off"));
    }
}

fn batch(first: i64, num_rows: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + num_rows));
    let texts = (first..first + num_rows).map(|row| format!("question {}", row * row));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    RecordBatch::try_from_iter([("id", ids), ("question", texts)]).unwrap()
}

fn parquet(num_rows: i64, group_rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let batch = batch(0, num_rows);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow_file() -> Vec<u8> {
    let mut writer = FileWriter::try_new(Vec::new(), &batch(0, 1).schema()).unwrap();
    (0..4).for_each(|part| writer.write(&batch(part * 10, 10)).unwrap());
    writer.into_inner().unwrap()
}

fn arrow_stream() -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch(0, 1).schema()).unwrap();
    (0..4).for_each(|part| writer.write(&batch(part * 10, 10)).unwrap());
    writer.into_inner().unwrap()
}

#[test]
fn tables_that_are_cut_off_are_named() {
    let folder = Folder::new();
    let (file, stream, table) = (arrow_file(), arrow_stream(), parquet(40, 10));
    let table = problem(&folder.write("rows.parquet", &table[..table.len() - 30]));
    assert!(table.starts_with(": broken or cut-off Parquet file: "), "{table}");
    let file = problem(&folder.write("file.arrow", &file[..file.len() - 30]));
    assert!(file.starts_with(": broken or cut-off Arrow file: "), "{file}");
    let path = folder.write("stream.arrow", &stream[..stream.len() * 3 / 4]);
    let rows: Vec<_> = rows::open(std::slice::from_ref(&path), None).unwrap().collect();
    assert_eq!(rows.iter().filter(|row| row.is_ok()).count() % 10, 0);
    let stream = problem(&path);
    assert!(stream.contains(": this row or one of the next is broken or cut off: "), "{stream}");
}

/// Reads a file to its end or first error; a panic fails the test.
fn survives(path: &Path) {
    if let Ok(rows) = rows::open(&[path.to_owned()], None) {
        rows.for_each(drop);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_broken_byte_is_no_panic(format in 0..6, place in 0.0..1.0, byte: u8, num_cut in 0_usize..3) {
        let mut bytes = match format {
            0 => parquet(40, 15),
            1 => arrow_file(),
            2 => arrow_stream(),
            3 => gzip(b"{\"a\": 1}\n{\"a\": 2}\n"),
            4 => zstd(b"[{\"a\": 1}, {\"a\": 2}]"),
            _ => b"a,b\n\"1\",2\n3,4\n".to_vec(),
        };
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] = byte;
        bytes.truncate(bytes.len() - num_cut);
        let folder = Folder::new();
        survives(&folder.write("rows.csv", bytes));
    }

    #[test]
    fn text_of_any_kind_is_no_panic(text in "[\\[\\]{}\",:a1\n\\\\ ]{0,40}", name in "rows\\.(csv|json|jsonl)") {
        let folder = Folder::new();
        survives(&folder.write(&name, text));
    }
}

#[test]
fn the_first_error_is_the_last_item() {
    let folder = Folder::new();
    let wrong = folder.write("wrong.jsonl", "{\"a\":1}\n{\n{\"a\":2}\n");
    let right = folder.write("right.jsonl", "{\"a\":3}\n");
    let rows: Vec<_> = rows::open(&[wrong.clone(), right], None).unwrap().collect();
    assert_eq!(rows.len(), 2);
    assert!(rows[1].is_err());
    fs::remove_file(&wrong).unwrap();
    assert!(read(&[wrong], None).is_err());
}
