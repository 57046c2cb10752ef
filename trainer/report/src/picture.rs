//! A drawing that is shown in a page and kept as a file of its own: the same shapes, coloured by the page's style sheet
//! or by one that the file brings. Must not know what is drawn.

use std::fmt::Write;

use super::html::escape;

/// Colours by class in a file: those of the page on white.
const COLOURS: [&str; 8] = ["#2f6db3", "#d97706", "#16876a", "#b5478d", "#7b61c4", "#6f7f1f", "#c2410c", "#5b7083"];
/// Dashes of the lines past the eighth, the sixteenth, ...
const DASHES: [&str; 3] = ["", "7 4", "2 3"];

const FILE_STYLE: &str = "text{font-family:'Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;\
    font-size:12px;fill:#1c1e21}.tick{fill:#50555b;font-size:11.5px}.y,.end{text-anchor:end}.x{text-anchor:middle}\
    .strong{font-weight:600}.grid{stroke:#e3e3de;stroke-width:1}.axis{stroke:#50555b;stroke-width:1}\
    .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.thin{stroke-width:1.2}\
    .band{opacity:.16}.seed{opacity:.45}.hollow{fill:#ffffff;stroke-width:1.6}";

/// Shapes of a drawing, in its own units.
pub(crate) struct Picture {
    pub width: f64,
    pub height: f64,
    /// What it shows, for who does not see it.
    pub title: String,
    pub body: String,
}

impl Picture {
    /// The drawing inside a page.
    pub(crate) fn inline(&self) -> String {
        format!(
            "<svg class=\"picture\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            self.width,
            self.height,
            escape(&self.title),
            self.body
        )
    }

    /// The drawing as an SVG file that needs nothing beside it.
    pub(crate) fn file(&self) -> String {
        let Self { width, height, title, body } = self;
        let mut style = FILE_STYLE.to_owned();
        for (number, colour) in COLOURS.iter().enumerate() {
            let _ = write!(
                style,
                ".line.c{number},.hollow.c{number}{{stroke:{colour}}}.band.c{number},.dot.c{number}{{fill:{colour}}}"
            );
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
             <style>{style}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}\n</svg>\n",
            escape(title)
        )
    }
}

/// The class of a series' colour, and the attribute of its dashes.
pub(crate) fn colour(index: usize) -> (String, String) {
    let dash = DASHES[index / COLOURS.len() % DASHES.len()];
    let dashes = if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{dash}\"") };
    (format!("c{}", index % COLOURS.len()), dashes)
}

/// Text at a place; `class` is its style and anchor.
pub(crate) fn text(class: &str, x: f64, y: f64, words: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(words))
}

/// A straight line.
pub(crate) fn line(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    format!("<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>")
}

/// A dot.
pub(crate) fn dot(class: &str, (x, y): (f64, f64), radius: f64) -> String {
    format!("<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>")
}

/// The first letters of a long name.
pub(crate) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_brings_its_style_and_loads_nothing() {
        let picture =
            Picture { width: 100.0, height: 50.0, title: "a<b".into(), body: text("tick x", 1.0, 2.0, "<&>") };
        let file = picture.file();
        assert!(file.starts_with("<?xml") && file.contains("<title>a&lt;b</title>") && file.contains("&lt;&amp;&gt;"));
        assert!(file.contains(".line.c7") && !file.contains("url(") && file.matches("http").count() == 1);
        assert!(picture.inline().contains("aria-label=\"a&lt;b\""));
        assert_eq!(
            (colour(9), shortened("abcdef", 4)),
            (("c1".into(), " stroke-dasharray=\"7 4\"".into()), "abc…".into())
        );
    }
}
