//! The page that shows sections to readers, in Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::place::brackets;
use super::walk::Section;

/// Columns of a line of prose.
const COLUMNS: usize = 100;

/// The page: an introduction, a list of the files, and a table of keys for each section.
pub(super) fn page(introduction: &str, sections: &[Section]) -> String {
    let anchors: BTreeSet<String> = sections.iter().map(|section| anchor(&section.title)).collect();
    assert_eq!(anchors.len(), sections.len(), "two headings have the same anchor");
    let mut text = format!("{introduction}\n");
    let tops = || (0..sections.len()).filter(|&number| sections[number].parent.is_none());
    tops().for_each(|top| text += &wrapped("- ", &format!("{}: {}", link(sections, top, None), sections[top].about)));
    tops().for_each(|top| write_section(&mut text, top, sections));
    text
}

/// Writes a section, and behind it those that it is the parent of.
fn write_section(text: &mut String, number: usize, sections: &[Section]) {
    let section = &sections[number];
    let level = if section.parent.is_some() { "###" } else { "##" };
    let mut about = plain(&section.about);
    if section.keys.iter().any(|key| key.value == "the word alone") {
        let place = &section.place;
        let _ =
            write!(about, " One of the following: a table, or a word as in `{place} = \"{}\"`.", first_word(section));
    }
    if !section.also.is_empty() {
        let places: Vec<String> = section.also.iter().map(|place| format!("`{}`", brackets(place))).collect();
        let _ = write!(about, " The same keys stand in {}.", places.join(", "));
    }
    let _ = writeln!(text, "\n{level} {}\n\n{}", section.title, wrapped("", &about));
    *text += "| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
    for key in &section.keys {
        let name = key.section.map_or(format!("`{}`", key.name), |table| link(sections, table, Some(&key.name)));
        let cells = [&name, &key.value, &key.default, &plain(&key.meaning)].map(|cell| cell.replace('|', "\\|"));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    write_words(text, section, sections);
    let is_child = |child: &usize| sections[*child].parent == Some(number);
    (0..sections.len()).filter(is_child).for_each(|child| write_section(text, child, sections));
}

fn first_word(section: &Section) -> &str {
    section.keys.iter().find(|key| key.section.is_none()).map_or("", |key| &key.name)
}

/// Writes the words that keys may be, once for keys with the same ones.
fn write_words(text: &mut String, section: &Section, sections: &[Section]) {
    for (index, key) in section.keys.iter().enumerate().filter(|(_, key)| !key.words.is_empty()) {
        if section.keys[..index].iter().any(|earlier| earlier.words == key.words) {
            continue;
        }
        let alike = section.keys.iter().filter(|other| other.words == key.words);
        let names: Vec<String> = alike.map(|key| format!("`{}`", key.name)).collect();
        let _ = writeln!(text, "\n{}", wrapped("", &format!("Values of {}:", names.join(", "))));
        for (word, meaning, table) in &key.words {
            let word = table.map_or(format!("`{word}`"), |table| link(sections, table, Some(word)));
            *text += &wrapped("- ", &format!("{word}: {}", plain(meaning)));
        }
    }
}

/// A link to a section, from a key or by its own title.
fn link(sections: &[Section], number: usize, key: Option<&str>) -> String {
    let title = &sections[number].title;
    format!("[{}](#{})", key.map_or(title.clone(), |key| format!("`{key}`")), anchor(title))
}

/// A heading's anchor, as GitHub makes it.
fn anchor(title: &str) -> String {
    let kept = title.chars().filter(|letter| letter.is_alphanumeric() || "-_ ".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A doc comment without its links to Rust's items.
fn plain(doc: &str) -> String {
    let (mut text, mut rest) = (String::new(), doc);
    while let Some((before, link)) = rest.split_once("[`") {
        let (name, after) = link.split_once("`]").unwrap_or_else(|| panic!("a link has no end: {doc}"));
        let _ = write!(text, "{before}`{name}`");
        let target = after.strip_prefix('(').filter(|target| !target.starts_with("http"));
        rest = target.and_then(|target| target.split_once(')')).map_or(after, |(_, after)| after);
    }
    text += rest;
    assert!(!text.contains("::"), "readers of a configuration know no path of Rust: {doc}");
    text
}

/// A paragraph in lines of [`COLUMNS`], with a mark before the first.
fn wrapped(mark: &str, paragraph: &str) -> String {
    let (mut text, mut line) = (String::new(), mark.to_owned());
    for word in paragraph.split_whitespace() {
        if line.len() > mark.len() && line.chars().count() + word.chars().count() > COLUMNS {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(mark.len());
        }
        let _ = write!(line, "{word} ");
    }
    let _ = writeln!(text, "{}", line.trim_end());
    text
}
