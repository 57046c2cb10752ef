//! The head of a program that a prompt begins: what stands before the function that is asked for.

use super::arguments::Arguments;
use super::kind::Step;
use crate::layout::fault::Fault;
use crate::layout::item::Item;

pub(super) const STEPS: &[Step] = &[Step::new("program_head", (1, 1), program_head)];

/// Imports and helpers of a prompt: its text before the function of this name, and the imports within that function.
///
/// A completion that holds the whole function has no need of the prompt, but may use what stands there.
fn program_head(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let (name, prompt) = (arguments.needed_text(0)?, item.into_text()?);
    Ok(head(&prompt, &name).into())
}

fn head(prompt: &str, name: &str) -> String {
    let is_function = |line: &str| {
        let rest = line.strip_prefix("def ").or_else(|| line.strip_prefix("async def "));
        rest.and_then(|rest| rest.trim_start().strip_prefix(name))
            .is_some_and(|rest| rest.trim_start().starts_with('('))
    };
    let lines: Vec<&str> = prompt.lines().collect();
    let Some(function) = lines.iter().rposition(|line| is_function(line)) else {
        return String::new();
    };
    let is_import =
        |line: &&str| line.starts_with("import ") || (line.starts_with("from ") && line.contains(" import "));
    let body = lines[function..].iter().map(|line| line.trim());
    // Words of the function's description are no imports: it begins with the first quotes.
    let imports = body.take_while(|line| !line.starts_with("\"\"\"") && !line.starts_with("'''")).filter(is_import);
    let head: Vec<&str> = lines[..function].iter().copied().chain(imports).collect();
    let head = head.join("\n");
    if head.trim().is_empty() { String::new() } else { head + "\n" }
}

#[cfg(test)]
mod tests {
    use super::head;

    #[test]
    fn imports_and_helpers_are_the_head() {
        let prompt = "import math\n\ndef helper(x):\n    return x\n\n\ndef asked(x):\n    import re\n    \"\"\"import this\"\"\"\n";
        assert_eq!(head(prompt, "asked"), "import math\n\ndef helper(x):\n    return x\n\n\nimport re\n");
        assert_eq!(head("def asked(n: int) -> int:\n    \"\"\"Return.\n    \"\"\"\n", "asked"), "");
        assert_eq!(head("\"\"\"\nWrite it.\n\"\"\"\n", "asked"), "");
        assert_eq!(
            head("import os\ndef asked_too():\n  pass\ndef asked():\n", "asked"),
            "import os\ndef asked_too():\n  pass\n"
        );
    }
}
