//! Steps that undo an encoding.

use std::io::Read;
use std::path::{Component, Path};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;

use super::arguments::Arguments;
use super::kind::ExpressionStep;
use crate::layout::encoding::{pickle, python};
use crate::layout::fault::Fault;
use crate::layout::item::{Item, cut};

/// Most bytes that one value may have once it is decompressed.
const MOST_BYTES: u64 = 1 << 30;

pub(super) const STEPS: &[ExpressionStep] = &[
    ExpressionStep::new("json", (0, 0), json),
    ExpressionStep::new("python", (0, 0), |item, _| Ok(Item::Json(python::read(&item.into_text()?)?))),
    ExpressionStep::new("base64", (0, 0), |item, _| {
        let decoded = BASE64_STANDARD.decode(item.into_text()?.trim());
        Ok(Item::Bytes(decoded.map_err(|error| format!("no base64: {error}"))?))
    }),
    ExpressionStep::new("zlib", (0, 0), zlib),
    ExpressionStep::new("pickle", (0, 0), |item, _| Ok(pickle::read(&bytes(item)?)?.into())),
    ExpressionStep::new("utf8", (0, 0), |item, _| {
        Ok(String::from_utf8(bytes(item)?).map_err(|error| format!("no UTF-8 text: {error}"))?.into())
    }),
    ExpressionStep::new("any_of", (2, 8), any_of),
    ExpressionStep::new("file", (0, 0), file),
];

fn json(item: Item, _: &Arguments<'_>) -> Result<Item, Fault> {
    let text = item.into_text()?;
    let value = serde_json::from_str(&text).map_err(|error| format!("no JSON ({error}): \"{}\"", cut(&text)))?;
    Ok(Item::Json(value))
}

fn bytes(item: Item) -> Result<Vec<u8>, Fault> {
    match item {
        Item::Bytes(bytes) => Ok(bytes),
        other => Ok(other.into_text()?.into_bytes()),
    }
}

fn zlib(item: Item, _: &Arguments<'_>) -> Result<Item, Fault> {
    let compressed = bytes(item)?;
    let mut decompressed = Vec::new();
    let read = ZlibDecoder::new(compressed.as_slice()).take(MOST_BYTES + 1).read_to_end(&mut decompressed);
    read.map_err(|error| format!("no zlib data: {error}"))?;
    if decompressed.len() as u64 > MOST_BYTES {
        return Err(Fault::Value(format!("the zlib data hold more than {MOST_BYTES} bytes")));
    }
    Ok(Item::Bytes(decompressed))
}

/// The value of the first argument that has one.
fn any_of(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let mut problems = Vec::new();
    for index in 0..arguments.count {
        match arguments.of(index, &item) {
            Ok(value) => return Ok(value),
            Err(fault @ Fault::Column(_)) => return Err(fault),
            Err(Fault::Value(problem)) => problems.push(problem),
        }
    }
    Err(Fault::Value(format!("no way of reading it fits: {}", problems.join("; "))))
}

/// The text of a file beside the row's; a path that leaves the folder is refused, as rows are not trusted.
fn file(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let name = item.into_text()?;
    if !Path::new(&name).components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Fault::Value(format!("\"{name}\" is no file below the folder of the data")));
    }
    let path = arguments.context.place.file.parent().unwrap_or(Path::new("")).join(name);
    let read = std::fs::read_to_string(&path);
    Ok(read.map_err(|error| format!("{}: cannot be read: {error}", path.display()))?.into())
}
