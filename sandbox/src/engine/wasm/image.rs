//! Takes a frozen component apart: its code, and what its memory holds when an instance starts.
//!
//! The runtime would put a module's data in place itself. Apart from the code, the data is a file that
//! [`memory`](super::memory) maps for every instance.

use wasm_encoder::{Component, ComponentSectionId, Module, RawSection};
use wasmparser::{BinaryReaderError, Data, DataKind, DataSectionReader, Operator, Parser, Payload, TypeRef};

const WASM_PAGE: u64 = 64 << 10;

/// A component without data, and the data.
pub(super) struct Parts {
    pub component: Vec<u8>,
    /// The first bytes of its one memory; all behind them are zeros.
    pub image: Vec<u8>,
}

/// Takes the data out of a component that has one memory, and all its data in the module of that memory.
///
/// # Errors
/// What is wrong with the component.
pub(super) fn take_apart(component: &[u8]) -> Result<Parts, String> {
    let mut parts = Parts { component: Vec::new(), image: Vec::new() };
    let mut code = Component::new();
    let (mut depth, mut num_memories) = (0, 0);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(broken)?;
        let section = payload.as_section().filter(|_| depth == 0);
        if let Some((id, range)) = section {
            let bytes = &component[range];
            if id == u8::from(ComponentSectionId::CoreModule) {
                let module = without_data(bytes, &mut parts.image)?;
                code.section(&RawSection { id, data: module.as_deref().unwrap_or(bytes) });
            } else {
                code.section(&RawSection { id, data: bytes });
            }
        }
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::MemorySection(memories) => num_memories += memories.count(),
            Payload::DataSection(_) if depth > 1 => return Err("a component inside the component has data".into()),
            _ => {}
        }
    }
    if num_memories != 1 {
        return Err(format!("the component has {num_memories} memories, not one"));
    }
    parts.component = code.finish();
    Ok(parts)
}

/// The module without the data that it puts into its memory, which goes to `image`; `None` where it has none.
fn without_data(module: &[u8], image: &mut Vec<u8>) -> Result<Option<Vec<u8>>, String> {
    let mut code = Module::new();
    let (mut memory_bytes, mut imports_memory, mut has_data) = (None, false, false);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(broken)?;
        let section = payload.as_section();
        match payload {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imports_memory |= matches!(import.map_err(broken)?.ty, TypeRef::Memory(_));
                }
            }
            Payload::MemorySection(memories) => {
                let memory = memories.into_iter().next().transpose().map_err(broken)?;
                let ordinary = memory.filter(|memory| {
                    !(imports_memory || memory.memory64 || memory.shared || memory.page_size_log2.is_some())
                });
                memory_bytes = ordinary.and_then(|memory| memory.initial.checked_mul(WASM_PAGE));
            }
            Payload::DataSection(data) => {
                let memory_bytes =
                    memory_bytes.ok_or("a module of the component has data, and no plain memory of its own")?;
                put_in_place(data, memory_bytes, image)?;
                has_data = true;
                continue;
            }
            // Code that uses it is refused by the compiler then.
            Payload::DataCountSection { .. } => continue,
            _ => {}
        }
        if let Some((id, range)) = section {
            code.section(&RawSection { id, data: &module[range] });
        }
    }
    Ok(has_data.then(|| code.finish()))
}

/// Writes what the segments put into a memory of `memory_bytes`.
fn put_in_place(segments: DataSectionReader<'_>, memory_bytes: u64, image: &mut Vec<u8>) -> Result<(), String> {
    for segment in segments {
        let segment = segment.map_err(broken)?;
        let start = offset(&segment)?;
        let end = start as usize + segment.data.len();
        if end as u64 > memory_bytes {
            return Err(format!("the component's data ends at {end}, its memory at {memory_bytes}"));
        }
        image.resize(image.len().max(end), 0);
        image[start as usize..end].copy_from_slice(segment.data);
    }
    Ok(())
}

/// Where a segment goes.
fn offset(segment: &Data<'_>) -> Result<u32, String> {
    if let DataKind::Active { memory_index: 0, offset_expr } = &segment.kind {
        let operators: Result<Vec<_>, _> = offset_expr.get_operators_reader().into_iter().collect();
        if let [Operator::I32Const { value }, Operator::End] = operators.map_err(broken)?[..] {
            return Ok(value.cast_unsigned());
        }
    }
    Err("the component has data whose place is not a number".into())
}

fn broken(error: BinaryReaderError) -> String {
    format!("the component cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{ConstExpr, DataSection, MemorySection, MemoryType, ModuleSection};

    use super::*;

    /// One memory of one page.
    fn memory() -> MemorySection {
        let mut memories = MemorySection::new();
        let (maximum, page_size_log2) = (None, None);
        memories.memory(MemoryType { minimum: 1, maximum, memory64: false, shared: false, page_size_log2 });
        memories
    }

    fn module(segments: &[(i32, &[u8])]) -> Module {
        let mut data = DataSection::new();
        for (start, bytes) in segments {
            data.active(0, &ConstExpr::i32_const(*start), bytes.iter().copied());
        }
        let mut module = Module::new();
        module.section(&memory()).section(&data);
        module
    }

    fn component(modules: &[Module]) -> Vec<u8> {
        let mut component = Component::new();
        modules.iter().for_each(|module| {
            component.section(&ModuleSection(module));
        });
        component.finish()
    }

    #[test]
    fn data_becomes_the_image_and_the_rest_stays() {
        let parts = take_apart(&component(&[module(&[(4, b"abc"), (1, b"x"), (5, b"B")])])).unwrap();
        assert_eq!(parts.image, b"\0x\0\0aBc");
        let mut without = Module::new();
        without.section(&memory());
        assert_eq!(parts.component, component(&[without]));
    }

    #[test]
    fn unfit_components_are_refused() {
        let said = |bytes: &[u8]| take_apart(bytes).err().unwrap();
        assert!(said(&component(&[module(&[]), module(&[])])).contains("2 memories"));
        assert!(said(&component(&[module(&[(65_534, b"abc")])])).contains("ends at 65537, its memory at 65536"));
        assert!(said(b"\0asm").contains("cannot be read"));
    }
}
