//! The default of every key, from the program itself: it reads a file with all tables and nothing in them that is not
//! required, and writes what holds then.

use toml::{Table, Value};

use super::place::{below, brackets, get, make};
use super::walk::{Key, Need, Section};

/// Defaults that depend on the machine.
const OF_THE_MACHINE: [(&str, &str, &str); 1] = [("sandbox.server", "workers", "number of cores")];

/// Reads the text of a file, and writes all that holds.
pub(super) type Complete = fn(&str) -> String;

/// Fills in the defaults; `complete` has the functions of the files by their numbers.
pub(super) fn fill(sections: &mut [Section], complete: &[Complete]) {
    let completed = |file: &Value, root: usize| -> Value {
        Value::Table(complete[root](&toml::to_string(file).unwrap()).parse().unwrap())
    };
    let mut least = vec![Value::Table(Table::new()); complete.len()];
    let always = sections.iter().filter(|section| section.choice.is_none());
    always.for_each(|section| require(&mut least[section.root], section));
    let whole: Vec<Value> = least.iter().enumerate().map(|(root, file)| completed(file, root)).collect();
    for number in 0..sections.len() {
        let section = &sections[number];
        let chosen = section.choice.as_ref().map(|(place, choice)| {
            let mut file = least[section.root].clone();
            *make(&mut file, place) = choice.clone();
            require(&mut file, section);
            completed(&file, section.root)
        });
        let values = chosen.as_ref().unwrap_or(&whole[section.root]);
        let default = |key: &Key| {
            let place = below(&section.place, &key.name);
            let table = key.section.map(|table| &sections[table]);
            let is_choice = table.is_some_and(|table| table.keys.iter().any(|key| key.need == Need::Choice));
            match table {
                Some(table) if key.need == Need::Default && !is_choice => {
                    differences(get(values, &place), get(&whole[table.root], &table.place))
                }
                _ => shown(section, key, get(values, &place)),
            }
        };
        let defaults: Vec<String> = section.keys.iter().map(default).collect();
        sections[number].keys.iter_mut().zip(defaults).for_each(|(key, default)| key.default = default);
    }
}

/// Puts a section with what it requires into a file. One that is a choice needs no more than to be left out.
fn require(file: &mut Value, section: &Section) {
    if section.keys.iter().any(|key| key.need == Need::Choice) {
        return;
    }
    make(file, &section.place);
    for key in section.keys.iter().filter(|key| key.need == Need::Required && key.section.is_none()) {
        *make(file, &below(&section.place, &key.name)) = key.example.clone();
    }
}

fn shown(section: &Section, key: &Key, value: Option<&Value>) -> String {
    let of_the_machine = OF_THE_MACHINE.iter().find(|(place, name, _)| *place == section.place && *name == key.name);
    if let Some((_, _, words)) = of_the_machine {
        return (*words).to_owned();
    }
    match (key.need, value) {
        (Need::Required, _) => "required".to_owned(),
        (Need::Choice, _) => String::new(),
        (Need::Absent, _) => "absent".to_owned(),
        (Need::NoTable, _) => "none".to_owned(),
        (Need::Default, Some(Value::Table(table))) if table.is_empty() => "none".to_owned(),
        // The name of the one that is chosen.
        (Need::Default, Some(Value::Table(table))) => format!("`{}`", table.keys().next().unwrap()),
        (Need::Default, Some(value)) => written(&key.name, value),
        // Some values are not written where they are empty.
        (Need::Default, None) => match key.value.split(' ').next() {
            Some("list") => "`[]`".to_owned(),
            Some("table") => "none".to_owned(),
            Some("text") => "`\"\"`".to_owned(),
            _ => panic!("{}: nothing is known of the default of {}", brackets(&section.place), key.name),
        },
    }
}

/// Values of a table that are not those of the table whose keys the page shows.
fn differences(own: Option<&Value>, shown: Option<&Value>) -> String {
    let (Some(Value::Table(own)), Some(Value::Table(shown))) = (own, shown) else { return String::new() };
    let differs = |(key, value): &(&String, &Value)| !value.is_table() && shown.get(key.as_str()) != Some(value);
    let differing = own.iter().filter(differs).map(|(key, value)| format!("`{key}` = {}", written(key, value)));
    differing.collect::<Vec<_>>().join(", ")
}

/// A value as the program writes it; bytes in MiB too, where they are many.
fn written(key: &str, value: &Value) -> String {
    let mebibytes = value.as_integer().filter(|bytes| key.ends_with("_bytes") && *bytes >= 1 << 20);
    mebibytes.map_or_else(|| format!("`{value}`"), |bytes| format!("`{value}` ({} MiB)", bytes >> 20))
}
