//! Arguments that JSON cannot hold, as EvalPlus rebuilds those of MBPP+ by the task's number.

/// How the arguments of a task are rebuilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rebuild(&'static str);

/// The ways to rebuild arguments, by the words that `tasks.py` knows, each with the numbers of MBPP+'s tasks.
const WAYS: [(&str, &[u16]); 11] = [
    (
        "tuple_arguments",
        &[2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616, 630, 726, 740, 744, 809],
    ),
    ("tuple_items", &[63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780]),
    ("tuple_items_of_first", &[75, 413, 444, 753]),
    ("tuple_first", &[250, 307, 405, 446, 617, 720, 763, 808]),
    ("tuple_second", &[106, 750]),
    ("tuple_items_and_arguments", &[259, 401, 445, 278]),
    ("tuple_dict_values", &[722]),
    ("set_items", &[115]),
    ("float_and_complex", &[124]),
    ("complex", &[252]),
    ("tuple_all", &[580, 615, 791]),
];

impl Rebuild {
    /// Arguments as they are.
    const NOTHING: Self = Self("");

    /// Reads a way, or the id of a task of HumanEval+ or MBPP+.
    ///
    /// # Errors
    /// Another word.
    pub(super) fn read(word: Option<&str>) -> Result<Self, String> {
        let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(Self::NOTHING) };
        if let Some((way, _)) = WAYS.iter().find(|(way, _)| *way == word) {
            return Ok(Self(way));
        }
        match word.split_once('/').map(|(set, number)| (set, number.parse::<u16>())) {
            Some(("HumanEval", Ok(_))) => Ok(Self::NOTHING),
            Some(("Mbpp", Ok(number))) => {
                Ok(WAYS.iter().find(|(_, tasks)| tasks.contains(&number)).map_or(Self::NOTHING, |(way, _)| Self(way)))
            }
            _ => {
                let known: Vec<&str> = WAYS.iter().map(|(way, _)| *way).collect();
                Err(format!("`rebuild` is `{word}`: give a task's id, as in `Mbpp/2`, or one of {}", known.join(", ")))
            }
        }
    }

    /// The word for the way, empty for arguments as they are.
    pub(super) fn word(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_task_has_the_way_of_its_number() {
        let word = |text| Rebuild::read(Some(text)).unwrap().word();
        assert_eq!((word("Mbpp/2"), word("Mbpp/791"), word("Mbpp/3")), ("tuple_arguments", "tuple_all", ""));
        assert_eq!((word("HumanEval/32"), word("complex"), Rebuild::read(None)), ("", "complex", Ok(Rebuild::NOTHING)));
        for bad in ["2", "Mbpp/x", "Mbpp", "tuples"] {
            assert!(Rebuild::read(Some(bad)).is_err(), "{bad}");
        }
        let numbers: Vec<u16> = WAYS.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), numbers.len());
    }
}
