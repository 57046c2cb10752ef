//! Types of the workspace's sources: their doc comments, and what serde is told of them. Must not know which of them a
//! configuration is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, ExprLit, Fields, GenericArgument, Item, Lit, LitStr, Meta, MetaNameValue, PathArguments, Token,
    Type,
};

/// All types in whose files something is deserialised.
pub(super) struct Sources(Vec<Definition>);

/// A type where it is defined.
pub(super) struct Definition {
    pub name: String,
    /// Path of the file, from the workspace's root.
    pub file: String,
    package: String,
    pub told: Told,
    pub shape: Shape,
    /// Fields of a struct, variants of an enum.
    pub parts: Vec<Part>,
}

pub(super) enum Shape {
    Struct,
    Enum,
    Alias(TypeName),
}

/// A field or a variant.
pub(super) struct Part {
    pub name: String,
    pub told: Told,
    /// Type of a field, or of the only value in a variant.
    pub of: Option<TypeName>,
    /// Fields of a variant.
    pub parts: Vec<Part>,
}

/// Attributes.
#[derive(Default)]
pub(super) struct Told {
    /// Lines of the doc comment, joined to one paragraph.
    pub doc: String,
    /// Serde's attributes by name; the value is empty where there is none.
    pub serde: BTreeMap<String, String>,
    /// True where `Deserialize` is derived.
    pub is_derived: bool,
}

/// A type as it is written, such as `Option<Vec<u64>>`. An array is called `[]`.
pub(super) struct TypeName {
    pub name: String,
    pub arguments: Vec<TypeName>,
}

impl Sources {
    /// Reads the sources of the workspace below `root`.
    pub(super) fn read(root: &Path) -> Self {
        let manifest = |folder: &Path| -> toml::Table {
            std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap()
        };
        let mut definitions = Vec::new();
        for member in manifest(root)["workspace"]["members"].as_array().unwrap() {
            let package = member.as_str().unwrap();
            for path in rust_files(&root.join(package).join("src")) {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.contains("Deserialize") {
                    let file = path.strip_prefix(root).unwrap().display().to_string();
                    let items = syn::parse_file(&text).unwrap_or_else(|error| panic!("{file}: {error}")).items;
                    definitions.extend(items.iter().filter_map(|item| Definition::of(item, &file, package)));
                }
            }
        }
        Self(definitions)
    }

    /// The type that a file defines.
    pub(super) fn in_file(&self, name: &str, file: &str) -> &Definition {
        let found = self.0.iter().find(|known| known.name == name && known.file == file);
        found.unwrap_or_else(|| panic!("{file} defines no {name}"))
    }

    /// The type that `user` means: that of its own package, where no name stands for two types, or the only one of all
    /// others.
    pub(super) fn named(&self, name: &str, user: &Definition) -> Option<&Definition> {
        let (own, others): (Vec<&Definition>, Vec<&Definition>) =
            self.0.iter().filter(|known| known.name == name).partition(|known| known.package == user.package);
        match (own.as_slice(), others.as_slice()) {
            ([own], _) => Some(own),
            ([], [only]) => Some(only),
            ([], []) => None,
            _ => panic!("{}: {name} may be one of several types", user.file),
        }
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = paths.into_iter().flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|ending| ending == "rs")).collect()
}

impl Definition {
    fn of(item: &Item, file: &str, package: &str) -> Option<Self> {
        let (name, attributes, shape, parts) = match item {
            Item::Struct(item) => (item.ident.to_string(), &item.attrs, Shape::Struct, Part::fields(&item.fields)),
            Item::Enum(item) => {
                (item.ident.to_string(), &item.attrs, Shape::Enum, item.variants.iter().map(Part::variant).collect())
            }
            Item::Type(item) => (item.ident.to_string(), &item.attrs, Shape::Alias(type_name(&item.ty)), Vec::new()),
            // A row for each kind of loss, of which the macro makes the enum `PolicyLossKind`.
            Item::Macro(item) if item.mac.path.is_ident("kinds") => {
                let rows = item.mac.parse_body_with(Punctuated::<Part, Token![,]>::parse_terminated).unwrap();
                ("PolicyLossKind".to_owned(), &item.attrs, Shape::Enum, rows.into_iter().collect())
            }
            _ => return None,
        };
        Some(Self { name, file: file.into(), package: package.into(), told: Told::of(attributes), shape, parts })
    }
}

impl Part {
    fn fields(fields: &Fields) -> Vec<Self> {
        let part = |field: &syn::Field| {
            let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            Self { name, told: Told::of(&field.attrs), of: Some(type_name(&field.ty)), parts: Vec::new() }
        };
        fields.iter().map(part).collect()
    }

    fn variant(variant: &syn::Variant) -> Self {
        let mut parts = Self::fields(&variant.fields);
        let of = matches!(variant.fields, Fields::Unnamed(_)).then(|| parts.remove(0)).and_then(|only| only.of);
        Self { name: variant.ident.to_string(), told: Told::of(&variant.attrs), of, parts }
    }
}

impl Parse for Part {
    /// A row of `kinds!`: the type of a kind, `=`, its word.
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let told = Told::of(&input.call(Attribute::parse_outer)?);
        let of = Some(type_name(&input.parse()?));
        input.parse::<Token![=]>()?;
        Ok(Self { name: input.parse::<LitStr>()?.value(), told, of, parts: Vec::new() })
    }
}

impl Told {
    fn of(attributes: &[Attribute]) -> Self {
        let mut told = Self::default();
        let mut lines = Vec::new();
        for attribute in attributes {
            if let Meta::NameValue(MetaNameValue {
                path, value: Expr::Lit(ExprLit { lit: Lit::Str(line), .. }), ..
            }) = &attribute.meta
                && path.is_ident("doc")
            {
                lines.push(line.value().trim().to_owned());
            }
            let is_derive = attribute.path().is_ident("derive");
            if !is_derive && !attribute.path().is_ident("serde") {
                continue;
            }
            let read = attribute.parse_nested_meta(|meta| {
                let name = meta.path.segments.last().map(|part| part.ident.to_string()).unwrap_or_default();
                let has_value = meta.input.peek(Token![=]);
                let value = if has_value { meta.value()?.parse::<LitStr>()?.value() } else { String::new() };
                told.is_derived |= is_derive && name == "Deserialize";
                if !is_derive {
                    told.serde.insert(name, value);
                }
                Ok(())
            });
            read.unwrap();
        }
        told.doc = lines.join(" ").trim().to_owned();
        told
    }
}

fn type_name(written: &Type) -> TypeName {
    let (name, arguments) = match written {
        Type::Array(array) => ("[]".to_owned(), vec![type_name(&array.elem)]),
        Type::Path(written) => {
            let last = written.path.segments.last().unwrap();
            let argument = |argument: &GenericArgument| match argument {
                GenericArgument::Type(inner) => Some(type_name(inner)),
                _ => None,
            };
            let arguments = match &last.arguments {
                PathArguments::AngleBracketed(arguments) => arguments.args.iter().filter_map(argument).collect(),
                _ => Vec::new(),
            };
            (last.ident.to_string(), arguments)
        }
        _ => (String::new(), Vec::new()),
    };
    TypeName { name, arguments }
}
