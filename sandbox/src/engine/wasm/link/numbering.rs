//! The numbers that a module's items get in the linked module: those of each kind follow the modules before it.

use wasm_encoder::ConstExpr;
use wasm_encoder::reencode::{self, Reencode};
use wasmparser::{DataSectionReader, ElementSectionReader, ExternalKind, Operator, TypeRef};

use super::core_module::{CoreModule, number};
use super::host_functions::HostFunctions;
use super::wiring::{Export, ImportSource};

/// The first number of each kind that no module has yet.
#[derive(Default)]
pub(super) struct FreeNumbers {
    pub(super) ty: u32,
    function: u32,
    table: u32,
    pub(super) memory: u32,
    global: u32,
    element: u32,
    data: u32,
}

impl FreeNumbers {
    /// All numbers are free but those of the host's functions, which come first.
    pub(super) fn behind(host: &HostFunctions<'_>) -> Self {
        Self { function: host.len(), ..Self::default() }
    }

    /// Numbers the next of `modules`; `before` are the numberings of the modules before it.
    pub(super) fn number(
        &mut self,
        module: &CoreModule<'_>,
        host: &HostFunctions<'_>,
        nothing: u32,
        before: &[Numbering],
        modules: &[CoreModule<'_>],
    ) -> Result<Numbering, String> {
        let mut own = Numbering {
            first_type: take(&mut self.ty, module.num_types),
            first_element: take(&mut self.element, module.elements.as_ref().map_or(0, ElementSectionReader::count)),
            first_data: take(&mut self.data, module.data.as_ref().map_or(0, DataSectionReader::count)),
            ..Numbering::default()
        };
        for (import, source) in &module.imports {
            let (kind, numbers) = match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => (ExternalKind::Func, &mut own.functions),
                TypeRef::Table(_) => (ExternalKind::Table, &mut own.tables),
                TypeRef::Memory(_) => (ExternalKind::Memory, &mut own.memories),
                TypeRef::Global(_) => (ExternalKind::Global, &mut own.globals),
                TypeRef::Tag(_) => return Err(format!("{} is an exception", import.name)),
            };
            numbers.push(match *source {
                ImportSource::Host => host.number_of(import.module, import.name),
                ImportSource::Nothing => nothing,
                ImportSource::Export(Export { module: exporter, name }) => {
                    let numbering = before.get(exporter).ok_or_else(|| format!("{name} is used before it is there"))?;
                    if let TypeRef::Global(_) = import.ty {
                        let constant = numbering.constant_of(&modules[exporter], name);
                        own.constants.push(constant);
                    }
                    numbering.exported(&modules[exporter], name, kind)?
                }
            });
        }
        for (numbers, next, num_defined) in [
            (&mut own.functions, &mut self.function, module.function_types.len()),
            (&mut own.tables, &mut self.table, module.tables.len()),
            (&mut own.memories, &mut self.memory, module.memories.len()),
            (&mut own.globals, &mut self.global, module.globals.len()),
        ] {
            let first = take(next, number(num_defined));
            numbers.extend(first..*next);
        }
        for global in &module.globals {
            let constant = if global.ty.mutable { None } else { own.value(&global.init_expr) };
            own.constants.push(constant);
        }
        Ok(own)
    }
}

/// Takes `num_taken` numbers and returns the first of them.
fn take(next: &mut u32, num_taken: u32) -> u32 {
    let first = *next;
    *next += num_taken;
    first
}

/// The numbers that one module's items have in the linked module.
#[derive(Default)]
pub(super) struct Numbering {
    first_type: u32,
    first_element: u32,
    first_data: u32,
    functions: Vec<u32>,
    tables: Vec<u32>,
    memories: Vec<u32>,
    globals: Vec<u32>,
    /// The value of each of the module's globals, if it is known and never changes.
    constants: Vec<Option<i32>>,
}

impl Numbering {
    /// The number of an item that `module`, whose numbering this is, exports.
    pub(super) fn exported(&self, module: &CoreModule<'_>, name: &str, kind: ExternalKind) -> Result<u32, String> {
        let numbers = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => &self.functions,
            ExternalKind::Table => &self.tables,
            ExternalKind::Memory => &self.memories,
            ExternalKind::Global => &self.globals,
            ExternalKind::Tag => return Err(format!("{name} is an exception")),
        };
        let (_, index) = module.exports.get(name).filter(|(found, _)| *found == kind).ok_or_else(|| {
            format!("a module of the component is given {name}, which the one before it does not export as {kind:?}")
        })?;
        looked_up(numbers, *index).ok_or_else(|| format!("{name} is exported and not there"))
    }

    /// The value of a global that `module` exports.
    fn constant_of(&self, module: &CoreModule<'_>, name: &str) -> Option<i32> {
        let (_, index) = module.exports.get(name)?;
        *self.constants.get(*index as usize)?
    }

    /// The value of an expression that is one number, or one global whose value is known.
    fn value(&self, expression: &wasmparser::ConstExpr<'_>) -> Option<i32> {
        let operators: Vec<_> = expression.get_operators_reader().into_iter().collect::<Result<_, _>>().ok()?;
        match operators[..] {
            [Operator::I32Const { value }, Operator::End] => Some(value),
            [Operator::GlobalGet { global_index }, Operator::End] => *self.constants.get(global_index as usize)?,
            _ => None,
        }
    }
}

pub(super) type LinkError = reencode::Error<String>;

/// Types, elements and data out of range keep a number out of range: the compiler refuses them.
impl Reencode for Numbering {
    type Error = String;

    fn type_index(&mut self, ty: u32) -> Result<u32, LinkError> {
        Ok(self.first_type.saturating_add(ty))
    }

    fn element_index(&mut self, element: u32) -> Result<u32, LinkError> {
        Ok(self.first_element.saturating_add(element))
    }

    fn data_index(&mut self, data: u32) -> Result<u32, LinkError> {
        Ok(self.first_data.saturating_add(data))
    }

    fn function_index(&mut self, function: u32) -> Result<u32, LinkError> {
        renumbered(&self.functions, function, "function")
    }

    fn table_index(&mut self, table: u32) -> Result<u32, LinkError> {
        renumbered(&self.tables, table, "table")
    }

    fn memory_index(&mut self, memory: u32) -> Result<u32, LinkError> {
        renumbered(&self.memories, memory, "memory")
    }

    fn global_index(&mut self, global: u32) -> Result<u32, LinkError> {
        renumbered(&self.globals, global, "global")
    }

    /// Puts plain numbers where the value is known: only then does the runtime fill a table as it is used.
    fn const_expr(&mut self, expression: wasmparser::ConstExpr<'_>) -> Result<ConstExpr, LinkError> {
        match self.value(&expression) {
            Some(value) => Ok(ConstExpr::i32_const(value)),
            None => reencode::utils::const_expr(self, expression),
        }
    }
}

fn looked_up(numbers: &[u32], index: u32) -> Option<u32> {
    numbers.get(index as usize).copied()
}

fn renumbered(numbers: &[u32], index: u32, kind: &str) -> Result<u32, LinkError> {
    looked_up(numbers, index).ok_or_else(|| reencode::Error::UserError(format!("a module has no {kind} {index}")))
}
