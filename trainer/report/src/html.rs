//! The page around the sections: escaping, the style sheet, the script that shows values under the pointer. Nothing is
//! loaded from outside the page. Must not know what the page is about.

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("hover.js");

/// Text made safe for element content and quoted attributes. Control characters that HTML forbids become `\u{fffd}`.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(character),
            other if other.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// The document around `body`, which is HTML, with the script that shows values under the pointer; `title` is plain
/// text.
pub(crate) fn page(title: &str, body: &str) -> String {
    format!("{}{body}{}", opening(title, "run report"), closing("<div id=\"hover\" hidden></div>\n", SCRIPT))
}

/// The beginning of a document, up to its body. `title` and `kind` are plain text.
pub(crate) fn opening(title: &str, kind: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{} · {}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(title),
        escape(kind)
    )
}

/// The end of a document, from its body on: `after` is HTML beside it.
pub(crate) fn closing(after: &str, script: &str) -> String {
    format!("\n</main>\n{after}<script>\n{script}</script>\n</body>\n</html>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_text_is_inert() {
        assert_eq!(escape("<b a=\"x\" c='y'>&\u{0}"), "&lt;b a=&quot;x&quot; c=&#39;y&#39;&gt;&amp;\u{fffd}");
        assert_eq!(escape("1\n2\t四"), "1\n2\t四");
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = page("a<b", "");
        assert!(page.contains("<title>a&lt;b"));
        for outside in ["http:", "https:", "src=", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
