//! Terms that read terms: whether they come to an end.

use super::config::TermConfig;
use super::reading::Reading;

/// The names of terms that read each other in a circle, if there are any.
pub(super) fn circle(terms: &[TermConfig]) -> Option<Vec<&str>> {
    for start in terms {
        let mut path = vec![start.name.as_str()];
        let mut at = start;
        while let Reading::Term(name) = &at.reads {
            if path[0] == name {
                return Some(path);
            }
            // A circle that does not come back to the start is found from another start.
            if path.contains(&name.as_str()) {
                break;
            }
            at = terms.iter().find(|term| term.name == *name)?;
            path.push(&at.name);
        }
    }
    None
}
