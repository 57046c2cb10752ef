//! The tables in Markdown and LaTeX, as people put them into papers. Must not know what stands in them.

use super::sweep_result::SweepResult;
use super::table::FigureTable;
use crate::markdown::plain;

impl SweepResult {
    /// The tables and notes in Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n", plain(&self.name));
        for table in self.tables().into_iter().chain(self.claims_table()) {
            out.push_str(&markdown_table(&table));
        }
        if !self.notes.is_empty() {
            out.push('\n');
        }
        for note in &self.notes {
            out.push_str(&format!("- {}\n", plain(note)));
        }
        out
    }

    /// The tables in LaTeX, a `table` for each figure; they want the package `booktabs`.
    pub fn latex(&self) -> String {
        let mut out = format!("% {}: needs \\usepackage{{booktabs}}\n", self.name.replace(['\n', '\r'], " "));
        for note in &self.notes {
            out.push_str(&format!("% {}\n", note.replace(['\n', '\r'], " ")));
        }
        for table in self.tables().into_iter().chain(self.claims_table()) {
            out.push_str(&latex_table(&table));
        }
        out
    }
}

fn markdown_table(table: &FigureTable) -> String {
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule: Vec<&str> = (0..table.head.len()).map(|column| if column == 0 { "---" } else { "---:" }).collect();
    let mut out = format!("\n## {}\n\n{}| {} |\n", plain(&table.title), row(&table.head), rule.join(" | "));
    table.rows.iter().for_each(|cells| out.push_str(&row(cells)));
    if !table.foot.is_empty() {
        let foot: Vec<String> = table.foot.iter().map(|sentence| plain(sentence)).collect();
        out.push_str(&format!("\n{}\n", foot.join(" ")));
    }
    out
}

fn latex_table(table: &FigureTable) -> String {
    let row = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| latex_text(cell)).collect();
        format!("    {} \\\\\n", cells.join(" & "))
    };
    let columns = format!("l{}", "r".repeat(table.head.len() - 1));
    let mut out = format!(
        "\\begin{{table}}\n  \\centering\n  \\begin{{tabular}}{{{columns}}}\n    \\toprule\n{}    \\midrule\n",
        row(&table.head)
    );
    table.rows.iter().for_each(|cells| out.push_str(&row(cells)));
    let foot: Vec<String> = std::iter::once(&table.title).chain(&table.foot).map(|part| latex_text(part)).collect();
    let caption = foot.join(". ").replace("..", ".");
    out.push_str(&format!("    \\bottomrule\n  \\end{{tabular}}\n  \\caption{{{caption}}}\n\\end{{table}}\n"));
    out
}

/// Text in which LaTeX sees no command.
fn latex_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', character]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("$<$"),
            '>' => out.push_str("$>$"),
            '−' => out.push_str("$-$"),
            '*' => out.push_str("$^{*}$"),
            '–' => out.push_str("--"),
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_in_both() {
        assert_eq!(plain("a|b_c*\nd"), "a\\|b\\_c\\* d");
        assert_eq!(latex_text("50 % & a_b−1*<\\"), "50 \\% \\& a\\_b$-$1$^{*}$$<$\\textbackslash{}");
    }
}
