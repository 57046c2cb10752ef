//! Assignments `key=value` on a layout's file.

use toml::{Table, Value};

/// Puts an assignment into a table. The key is one of TOML (`verifier.math.ground_truth`, `routes."a/b"`), and the
/// value is TOML, or else text. The error says what is wrong with the assignment.
pub(super) fn assign(table: &mut Table, assignment: &str) -> Result<(), String> {
    let (key, value) = split(assignment).ok_or_else(|| format!("`{assignment}` is not key=value"))?;
    let assigned = format!("{key} = {value}").parse::<Table>();
    let assigned = assigned.or_else(|_| format!("{key} = {}", Value::String(value.to_owned())).parse::<Table>());
    let assigned = assigned.map_err(|error| format!("`{assignment}`: {}", error.message()))?;
    merge(table, assigned);
    Ok(())
}

/// The key and the value: the first `=` outside quotes parts them.
fn split(assignment: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, letter) in assignment.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            ('=', None) if !assignment[..at].trim().is_empty() => {
                return Some((assignment[..at].trim(), assignment[at + 1..].trim()));
            }
            _ => {}
        }
    }
    None
}

fn merge(table: &mut Table, assigned: Table) {
    for (key, value) in assigned {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(assigned)) => merge(inner, assigned),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_toml_or_text_and_keys_may_be_quoted() {
        let mut table: Table = "kind = 'a'\n[verifier.math]\nweight = 2.0".parse().unwrap();
        for assignment in [
            "verifier.math.ground_truth=answer | after('=')",
            "routes.\"my/set=1\" = math",
            "kind=\"b\"",
            "rows.test=3",
            "verifier.math.ground_truth.answer=answer",
        ] {
            assign(&mut table, assignment).unwrap();
        }
        assert_eq!(table["kind"].as_str(), Some("b"));
        assert_eq!(table["routes"]["my/set=1"].as_str(), Some("math"));
        assert_eq!(table["rows"]["test"].as_integer(), Some(3));
        assert_eq!(table["verifier"]["math"]["weight"].as_float(), Some(2.0));
        assert_eq!(table["verifier"]["math"]["ground_truth"]["answer"].as_str(), Some("answer"));
        assert!(assign(&mut table, "kind").is_err());
        assert!(assign(&mut table, "=x").is_err());
    }
}
