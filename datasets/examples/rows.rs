//! Memory of reading: `write FILE.parquet MIB ROWS_PER_GROUP` makes a file of invented rows, `read FILE` counts its
//! rows and prints the most memory that the process held.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::Int32Type;
use datasets::rows;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use random::KeyedRng;

const BATCH_ROWS: u64 = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", file, mib, rows] => write(Path::new(file), mib.parse::<u64>()? << 20, rows.parse()?),
        ["read", file] => read(PathBuf::from(file)),
        _ => Err("usage: rows write FILE.parquet MIB ROWS_PER_GROUP | rows read FILE".into()),
    }
}

fn write(path: &Path, bytes: u64, group_rows: usize) -> Result<(), Box<dyn std::error::Error>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, batch(0)?.schema(), Some(properties))?;
    let mut first = 0;
    while writer.bytes_written() as u64 + writer.in_progress_size() as u64 <= bytes {
        writer.write(&batch(first)?)?;
        first += BATCH_ROWS;
    }
    writer.close()?;
    println!("{first} rows, {} MiB", fs::metadata(path)?.len() >> 20);
    Ok(())
}

/// Rows of a question that is told once, an answer that many share, a long solution that packs badly, and numbers.
fn batch(first: u64) -> Result<RecordBatch, arrow::error::ArrowError> {
    let rows = first..first + BATCH_ROWS;
    let text = |row: u64, words: u64| {
        let mut rng = KeyedRng::new(&[row.into(), words.into()]);
        (0..words).map(|_| format!("{:x}", rng.next_u64())).collect::<Vec<_>>().join(" ")
    };
    let numbers = rows.clone().map(|row| Some((0..row as i64 % 9).map(|item| Some(item as i32)).collect::<Vec<_>>()));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from_iter_values(rows.clone().map(|row| row as i64)))),
        ("question", Arc::new(StringArray::from_iter_values(rows.clone().map(|row| text(row, 20))))),
        ("answer", Arc::new(StringArray::from_iter_values(rows.clone().map(|row| text(row % 100, 30))))),
        ("solution", Arc::new(StringArray::from_iter_values(rows.map(|row| text(row, 400))))),
        ("numbers", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(numbers))),
    ];
    RecordBatch::try_from_iter(columns)
}

fn read(path: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut num_rows = 0_u64;
    for row in rows::open(&[path], None)? {
        num_rows += u64::from(!row?.fields.is_empty());
    }
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("{num_rows} rows in {seconds:.1} s; {memory}");
    Ok(())
}
