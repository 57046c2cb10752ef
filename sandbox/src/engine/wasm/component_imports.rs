//! How the core modules of a component are wired: what it gives to each import of each module.
//!
//! A component lists its instances in the order in which they start; each is given names out of those before it, or functions
//! of the host. Between the two stand some helpers that the tool which makes components adds, and that hold no code of the
//! program: a module of jumps to the host's functions, one that says where those jumps lead, and an adapter to older names of
//! the host's functions (wit-component's `encoding.rs`).

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Import, Instance, Parser,
    Payload, TypeRef,
};

/// The table of the helpers that jump to the host's functions.
const JUMPS: &str = "$imports";
/// Where an adapter finds the program.
const PROGRAM: &str = "__main_module__";
/// The function of an adapter that tells it to forget what it knows.
const RESET: &str = "reset_adapter_state";

/// The modules of a program, and what of them the component offers.
pub(super) struct Wiring<'a> {
    /// In the order in which they start.
    pub modules: Vec<Wired<'a>>,
    /// What the component calls.
    pub called: Vec<Export<'a>>,
}

/// A module, and its imports with what they are given.
pub(super) struct Wired<'a> {
    pub bytes: &'a [u8],
    pub imports: Vec<(Import<'a>, Given<'a>)>,
}

/// What an import is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given<'a> {
    /// A function of the host, by the import's own name; nothing but functions.
    Host,
    /// A function that does nothing, where an adapter would forget what it knows: it knows nothing, for nothing else of it is used.
    Nothing,
    /// What another module exports.
    Export(Export<'a>),
}

/// What a module of the program exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Export<'a> {
    /// The module's place in [`Wiring::modules`].
    pub module: usize,
    pub name: &'a str,
}

/// Reads the wiring of a component that is known to be well-formed.
///
/// # Errors
/// What is wrong with the component, or not as it is made for a program.
pub(super) fn read(component: &[u8]) -> Result<Wiring<'_>, String> {
    Definitions::read(component)?.wiring()
}

/// An instance of a core module.
enum Started<'a> {
    /// A module of its own, and the instances that it is given under names.
    Module { module: usize, given: Vec<(&'a str, usize)> },
    /// Names for what others export.
    Names(Vec<(&'a str, ExternalKind, usize)>),
}

/// Where an item of the component comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    Host,
    Instance { instance: usize, name: &'a str },
}

/// What a component defines outside its modules, as far as they are concerned.
#[derive(Default)]
struct Definitions<'a> {
    modules: Vec<&'a [u8]>,
    instances: Vec<Started<'a>>,
    /// Of each kind, in the order of their numbers.
    items: [Vec<Origin<'a>>; 5],
    /// Functions that the component offers or uses itself.
    called: Vec<usize>,
}

/// What a module is to the program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// One of [`Wiring::modules`].
    Part { number: usize },
    /// A helper that jumps to functions of the host, or says where the jumps lead.
    Jumps,
    /// A helper for older names of the host's functions.
    Adapter,
}

impl<'a> Definitions<'a> {
    fn read(component: &'a [u8]) -> Result<Self, String> {
        let mut all = Self::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.map_err(broken)?;
            let is_outermost = depth == 0;
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    if is_outermost {
                        all.modules.push(component.get(unchecked_range).ok_or("the component is cut off")?);
                    }
                    depth += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) if !is_outermost => depth -= 1,
                Payload::InstanceSection(instances) if is_outermost => {
                    for instance in instances {
                        all.instances.push(started(instance.map_err(broken)?));
                    }
                }
                Payload::ComponentAliasSection(aliases) if is_outermost => {
                    for alias in aliases {
                        if let ComponentAlias::CoreInstanceExport { kind, instance_index, name } =
                            alias.map_err(broken)?
                        {
                            all.items[place(kind)].push(Origin::Instance { instance: instance_index as usize, name });
                        }
                    }
                }
                Payload::ComponentCanonicalSection(functions) if is_outermost => {
                    for function in functions {
                        match function.map_err(broken)? {
                            CanonicalFunction::Lift { core_func_index, options, .. } => {
                                all.called.push(core_func_index as usize);
                                all.called.extend(options.iter().filter_map(used_by_lifted));
                            }
                            _ => all.items[place(ExternalKind::Func)].push(Origin::Host),
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(all)
    }

    fn item(&self, kind: ExternalKind, index: usize) -> Result<Origin<'a>, String> {
        let item = self.items[place(kind)].get(index);
        item.copied().ok_or_else(|| format!("the component has no {kind:?} {index}"))
    }

    /// Where an item comes from in the end: from the host, or from an instance of a module.
    fn origin(&self, mut origin: Origin<'a>) -> Result<Origin<'a>, String> {
        loop {
            let Origin::Instance { instance, name } = origin else { return Ok(Origin::Host) };
            match self.instances.get(instance) {
                Some(Started::Module { .. }) => return Ok(origin),
                Some(Started::Names(names)) => {
                    let found = names.iter().find(|(given, ..)| *given == name);
                    let (_, kind, index) = found.ok_or_else(|| format!("core instance {instance} has no {name}"))?;
                    // Each instance names what came before it.
                    origin = self.item(*kind, *index)?;
                }
                None => return Err(format!("the component has no core instance {instance}")),
            }
        }
    }

    fn wiring(&self) -> Result<Wiring<'a>, String> {
        let mut roles: Vec<Option<Role>> = Vec::new();
        let (mut modules, mut seen) = (Vec::new(), vec![false; self.modules.len()]);
        for started in &self.instances {
            let Started::Module { module, given } = started else {
                roles.push(None);
                continue;
            };
            let bytes =
                *self.modules.get(*module).ok_or_else(|| format!("the component has no core module {module}"))?;
            if std::mem::replace(&mut seen[*module], true) {
                return Err(format!("the component has two instances of core module {module}"));
            }
            let imports = imports(bytes)?;
            let role = match role(bytes, &imports)? {
                Some(role) => role,
                None => {
                    let with_given = |import| Ok((import, self.given(&import, given, &roles)?));
                    let imports = imports.into_iter().map(with_given).collect::<Result<_, String>>()?;
                    modules.push(Wired { bytes, imports });
                    Role::Part { number: modules.len() - 1 }
                }
            };
            roles.push(Some(role));
        }
        let mut called = Vec::new();
        for function in &self.called {
            match self.export(self.item(ExternalKind::Func, *function)?, &roles)? {
                // Libraries have the same function to reserve memory.
                Given::Export(export) if called.iter().any(|other: &Export| other.name == export.name) => {}
                Given::Export(export) => called.push(export),
                _ => {
                    return Err(format!(
                        "the component offers core function {function}, which is none of the program's"
                    ));
                }
            }
        }
        Ok(Wiring { modules, called })
    }

    /// What an import is given out of `instances`.
    fn given(
        &self,
        import: &Import<'a>,
        instances: &[(&'a str, usize)],
        roles: &[Option<Role>],
    ) -> Result<Given<'a>, String> {
        let Import { module, name, .. } = *import;
        if function_type(import).is_some() && name == RESET {
            return Ok(Given::Nothing);
        }
        let found = instances.iter().find(|(given, _)| *given == module);
        let (_, instance) = found.ok_or_else(|| format!("nothing is given for the import of {module}"))?;
        let given = self.export(Origin::Instance { instance: *instance, name }, roles)?;
        if function_type(import).is_some() || matches!(given, Given::Export(_)) {
            return Ok(given);
        }
        Err(format!("{name} of {module} is not the program's"))
    }

    fn export(&self, origin: Origin<'a>, roles: &[Option<Role>]) -> Result<Given<'a>, String> {
        let Origin::Instance { instance, name } = self.origin(origin)? else { return Ok(Given::Host) };
        match roles.get(instance).copied().flatten() {
            Some(Role::Part { number }) => Ok(Given::Export(Export { module: number, name })),
            Some(Role::Adapter) => Err(format!("the program uses {name} of an adapter")),
            Some(Role::Jumps) => Ok(Given::Host),
            None => Err(format!("{name} is used before core instance {instance} is there")),
        }
    }
}

/// Where items of a kind stand in [`Definitions::items`].
fn place(kind: ExternalKind) -> usize {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => 0,
        ExternalKind::Table => 1,
        ExternalKind::Memory => 2,
        ExternalKind::Global => 3,
        ExternalKind::Tag => 4,
    }
}

fn started(instance: Instance<'_>) -> Started<'_> {
    match instance {
        Instance::Instantiate { module_index, args } => Started::Module {
            module: module_index as usize,
            given: args.iter().map(|given| (given.name, given.index as usize)).collect(),
        },
        Instance::FromExports(exports) => {
            Started::Names(exports.iter().map(|named| (named.name, named.kind, named.index as usize)).collect())
        }
    }
}

/// A function that a lifted one uses beside itself.
fn used_by_lifted(option: &CanonicalOption) -> Option<usize> {
    match option {
        CanonicalOption::Realloc(function) | CanonicalOption::PostReturn(function) => Some(*function as usize),
        _ => None,
    }
}

/// The type of a function that is imported, by its module's numbers; `None` for anything else.
pub(super) fn function_type(import: &Import<'_>) -> Option<u32> {
    match import.ty {
        TypeRef::Func(ty) | TypeRef::FuncExact(ty) => Some(ty),
        _ => None,
    }
}

fn imports(module: &[u8]) -> Result<Vec<Import<'_>>, String> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload.map_err(broken)? {
            for import in imports.into_imports() {
                all.push(import.map_err(broken)?);
            }
        }
    }
    Ok(all)
}

/// What a helper is; `None` for a module of the program.
fn role(module: &[u8], imports: &[Import<'_>]) -> Result<Option<Role>, String> {
    if imports.iter().any(|import| import.module == PROGRAM) {
        return Ok(Some(Role::Adapter));
    }
    let mut jumps = imports.iter().any(|import| import.name == JUMPS);
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ExportSection(exports) = payload.map_err(broken)? {
            for export in exports {
                jumps |= export.map_err(broken)?.name == JUMPS;
            }
        }
    }
    Ok(jumps.then_some(Role::Jumps))
}

/// What is said of a component, or of a module of it, that is not well-formed.
pub(super) fn broken(error: BinaryReaderError) -> String {
    format!("the component cannot be read: {error}")
}
