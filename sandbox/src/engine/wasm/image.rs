//! Takes a frozen component apart: its code, and the bytes that its memory holds when an instance starts.
//!
//! Left in the code, the data would be put in place by the runtime. Apart from it, the data is a file that
//! [`memory`](super::memory) maps for every instance.

use wasm_encoder::{Module, RawSection};
use wasmparser::{Data, DataKind, DataSectionReader, MemoryType, Operator, Parser, Payload};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};

use super::link::{broken, link, read_wiring};

const WASM_PAGE: u64 = 64 << 10;

/// A component without data, and the data.
pub(super) struct CodeAndImage {
    pub(super) component: Vec<u8>,
    /// The first bytes of the component's one memory; zeros follow.
    pub(super) image: Vec<u8>,
}

/// Links a component's modules to one, and takes the data out of it.
///
/// # Errors
/// The component is not well-formed, or not as the tool makes it that CPython's is made with.
pub(super) fn take_apart(component: &[u8]) -> Result<CodeAndImage, String> {
    // Decoding also validates the component.
    let interface =
        wit_component::decode(component).map_err(|error| format!("the component cannot be read: {error:#}"))?;
    let module = link(&read_wiring(component)?)?;
    let (code, image) = without_data(&module)?;
    Ok(CodeAndImage { component: with_interface(&interface, code)?, image })
}

/// A component that offers and uses what `interface` says, and whose code is `module`.
fn with_interface(interface: &DecodedWasm, mut module: Vec<u8>) -> Result<Vec<u8>, String> {
    let DecodedWasm::Component(resolve, world) = interface else {
        return Err("the component has interfaces alone".into());
    };
    let component = embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8)
        .and_then(|()| ComponentEncoder::default().module(&module))
        .and_then(|mut encoder| encoder.encode());
    component.map_err(|error| format!("the component cannot be put together again: {error:#}"))
}

/// A module without the data that it puts into its memory, and the data.
fn without_data(module: &[u8]) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (mut code, mut image, mut memory_bytes) = (Module::new(), Vec::new(), None);
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(broken)?;
        let section = payload.as_section();
        match payload {
            Payload::MemorySection(memories) => {
                let memory = memories.into_iter().next().transpose().map_err(broken)?;
                let is_plain =
                    |memory: &MemoryType| !(memory.memory64 || memory.shared || memory.page_size_log2.is_some());
                memory_bytes = memory.filter(is_plain).and_then(|memory| memory.initial.checked_mul(WASM_PAGE));
            }
            Payload::DataSection(data) => {
                put_in_place(data, memory_bytes.ok_or("the component's memory is not a plain one")?, &mut image)?;
                continue;
            }
            // Without this section the compiler refuses code that uses data segments.
            Payload::DataCountSection { .. } => continue,
            _ => {}
        }
        if let Some((id, range)) = section {
            code.section(&RawSection { id, data: &module[range] });
        }
    }
    Ok((code.finish(), image))
}

/// Copies the segments into `image`, which grows up to `memory_bytes`.
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

/// The offset at which a segment is put into the memory.
fn offset(segment: &Data<'_>) -> Result<u32, String> {
    if let DataKind::Active { memory_index: 0, offset_expr } = &segment.kind {
        let operators: Result<Vec<_>, _> = offset_expr.get_operators_reader().into_iter().collect();
        if let [Operator::I32Const { value }, Operator::End] = operators.map_err(broken)?[..] {
            return Ok(value.cast_unsigned());
        }
    }
    Err("the component has data whose place is not a number".into())
}

#[cfg(test)]
mod tests {
    use wasmparser::ElementKind;
    use wasmtime::component::{Component, Linker};
    use wasmtime::{Engine, Store};

    use super::*;

    /// A component as the tool makes them: a main module with the shared memory and table, libraries that are given
    /// each other's functions, and the helpers between them and a function of the host. It has no data, which the
    /// engine of this test could not put in place.
    const LIBRARIES: &str = r#"(component
        (import "twice" (func $twice (param "number" u32) (result u32)))
        (core module $main
            (type $counts (func (result i32)))
            (memory (export "memory") 1)
            (table $table (export "table") 6 funcref)
            (global (export "counter") (mut i32) (i32.const 40))
            (global (export "base of one") i32 (i32.const 1))
            (global (export "base of two") i32 (i32.const 3))
            (func (export "late") (result i32) (call_indirect $table (type $counts) (i32.const 5)))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))
        (core module $one
            (type (func)) (type $counts (func (result i32)))
            (import "env" "table" (table $table 6 funcref))
            (import "env" "base" (global $base i32))
            (import "env" "counter" (global $counter (mut i32)))
            (import "env" "late" (func $late (type $counts)))
            (import "$root" "twice" (func $twice (param i32) (result i32)))
            (func $next (type $counts)
                (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
                (global.get $counter))
            (func (export "twice next and late") (result i32)
                (call $twice (i32.add (call_indirect $table (type $counts) (global.get $base)) (call $late))))
            (elem (global.get $base) $next $next))
        (core module $two
            (type $counts (func (result i32)))
            (import "env" "memory" (memory 1))
            (import "env" "table" (table $table 6 funcref))
            (import "env" "base" (global $base i32))
            (import "one" "twice next and late" (func $of_one (type $counts)))
            (import "wasi_snapshot_preview1" "reset_adapter_state" (func $reset))
            (global $own (mut i32) (i32.const 1000))
            (func $size (export "size") (result i32) memory.size)
            (func (export "run") (param i32) (result i32)
                (call $reset)
                (i32.add (i32.add (local.get 0) (global.get $own))
                    (i32.add (call $of_one) (call_indirect $table (type $counts) (global.get $base)))))
            (elem (global.get $base) $size))
        (core module $late
            (import "env" "table" (table 6 funcref))
            (import "two" "size" (func $size (result i32)))
            (elem (i32.const 5) $size))
        (core module $adapter
            (import "__main_module__" "cabi_realloc" (func (param i32 i32 i32 i32) (result i32)))
            (func (export "reset_adapter_state") unreachable))
        (core module $jumps
            (type $changes (func (param i32) (result i32)))
            (table (export "$imports") 1 1 funcref)
            (func (export "0") (type $changes) (call_indirect (type $changes) (local.get 0) (i32.const 0))))
        (core module $destinations
            (import "" "$imports" (table 1 1 funcref))
            (import "" "0" (func $twice (param i32) (result i32)))
            (elem (i32.const 0) $twice))
        (core instance $jumps (instantiate $jumps))
        (core instance $main (instantiate $main))
        (core instance $adapter (instantiate $adapter (with "__main_module__" (instance $main))))
        (core instance $one (instantiate $one
            (with "$root" (instance (export "twice" (func $jumps "0"))))
            (with "env" (instance
                (export "table" (table $main "table")) (export "base" (global $main "base of one"))
                (export "counter" (global $main "counter")) (export "late" (func $main "late"))))))
        (core instance $two (instantiate $two
            (with "one" (instance $one)) (with "wasi_snapshot_preview1" (instance $adapter))
            (with "env" (instance
                (export "memory" (memory $main "memory")) (export "table" (table $main "table"))
                (export "base" (global $main "base of two"))))))
        (core instance (instantiate $late (with "env" (instance $main)) (with "two" (instance $two))))
        (core func $lowered (canon lower (func $twice)))
        (core instance (instantiate $destinations
            (with "" (instance (export "$imports" (table $jumps "$imports")) (export "0" (func $lowered))))))
        (func (export "run") (param "number" u32) (result u32) (canon lift (core func $two "run"))))"#;

    fn parts_of(text: &str) -> Result<CodeAndImage, String> {
        take_apart(&wat::parse_str(text).unwrap())
    }

    /// A component of one module, whose function does nothing.
    fn alone(fields: &str) -> String {
        format!(
            r#"(component
                (core module $main {fields} (func (export "run")))
                (core instance $main (instantiate $main))
                (func (export "run") (canon lift (core func $main "run"))))"#
        )
    }

    #[test]
    fn linked_libraries_do_what_they_did() {
        let run = |component: &[u8]| {
            let engine = Engine::default();
            let mut linker = Linker::new(&engine);
            let twice = |_: wasmtime::StoreContextMut<'_, ()>, (number,): (u32,)| Ok((2 * number,));
            linker.root().func_wrap("twice", twice).unwrap();
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &Component::new(&engine, component).unwrap()).unwrap();
            let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run").unwrap();
            [5, 6].map(|number| run.call(&mut store, (number,)).unwrap().0)
        };
        let linked = parts_of(LIBRARIES).unwrap().component;
        assert_eq!(run(&linked), [5 + 1000 + 2 * (41 + 1) + 1, 6 + 1000 + 2 * (42 + 1) + 1]);
    }

    #[test]
    fn linked_libraries_share_a_table_that_is_filled_at_plain_numbers() {
        let linked = parts_of(LIBRARIES).unwrap().component;
        let mut places = Vec::new();
        for payload in Parser::new(0).parse_all(&linked) {
            if let Payload::ElementSection(elements) = payload.unwrap() {
                for element in elements {
                    let ElementKind::Active { offset_expr, .. } = element.unwrap().kind else { panic!("not active") };
                    places.push(offset_expr.get_operators_reader().read().unwrap());
                }
            }
        }
        assert_eq!(places, [1, 3, 5].map(|value| Operator::I32Const { value }));
    }

    #[test]
    fn data_becomes_the_image_and_the_code_stays() {
        let data = r#"(data (i32.const 4) "abc") (data (i32.const 1) "x") (data (i32.const 5) "B")"#;
        let memory = r#"(memory (export "memory") 1)"#;
        let parts = parts_of(&alone(&format!("{memory} {data}"))).unwrap();
        assert_eq!(parts.image, b"\0x\0\0aBc");
        assert_eq!(parts.component, parts_of(&alone(memory)).unwrap().component);
    }

    #[test]
    fn unfit_components_are_refused() {
        let said = |text: &str| parts_of(text).err().unwrap();
        assert!(said(&alone("")).contains("0 memories, not one"));
        let past_the_end = alone(r#"(memory 1) (data (i32.const 65534) "abc")"#);
        assert!(said(&past_the_end).contains("ends at 65537, its memory at 65536"));
        assert!(said(&alone("(memory 1) (func $starts) (start $starts)")).contains("runs code at its start"));
        assert!(said(&alone("(memory 1) (tag)")).contains("has exceptions"));
        let unknown = LIBRARIES.replace("\"reset_adapter_state\"", "\"fd_write\"");
        assert!(said(&unknown).contains("uses fd_write of an adapter"));
        let twice =
            LIBRARIES.replace("(core instance $jumps (", "(core instance (instantiate $main)) (core instance $jumps (");
        assert!(said(&twice).contains("two instances of core module 0"));
        assert!(take_apart(b"\0asm").err().unwrap().contains("cannot be read"));
    }
}
