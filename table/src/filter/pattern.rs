//! Patterns of `LIKE`.

/// A pattern, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// This character.
    Character(char),
    /// Any one character: `_`.
    One,
    /// Any characters, none too: `%`.
    Many,
}

/// What a pattern asks for, if it is something simpler.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The whole text is this one.
    Text(String),
    /// The text begins so.
    Prefix(String),
    /// Only matching tells.
    Other,
}

impl Pattern {
    /// Reads a pattern. `escape` takes the meaning from the `%`, `_` or `escape` behind it.
    ///
    /// # Errors
    /// What is wrong with an `escape` in it.
    pub(crate) fn new(text: &str, escape: Option<char>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            if Some(character) == escape {
                match rest.next() {
                    Some(escaped) if matches!(escaped, '%' | '_') || Some(escaped) == escape => {
                        parts.push(Part::Character(escaped));
                    }
                    Some(other) => {
                        return Err(format!(
                            "the escape character stands before `{other}`, and not before %, _ or itself"
                        ));
                    }
                    None => return Err("the escape character stands at the end".to_owned()),
                }
                continue;
            }
            let part = match character {
                '%' => Part::Many,
                '_' => Part::One,
                other => Part::Character(other),
            };
            if part != Part::Many || parts.last() != Some(&Part::Many) {
                parts.push(part);
            }
        }
        Ok(Self { parts })
    }

    pub(crate) fn shape(&self) -> Shape {
        let prefix = self.prefix();
        match self.parts.get(prefix.chars().count()..) {
            Some([]) | None => Shape::Text(prefix),
            Some([Part::Many]) => Shape::Prefix(prefix),
            Some(_) => Shape::Other,
        }
    }

    /// What every text that fits begins with; it may be empty.
    pub(crate) fn prefix(&self) -> String {
        self.parts.iter().map_while(|part| part.character()).collect()
    }

    /// Whether `text` fits. The time is at most the product of both lengths.
    pub(crate) fn fits(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut next = 0;
        // Where to go on if what follows the last `%` does not fit: one character further.
        let mut retry: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            let part = self.parts.get(next).copied();
            if part == Some(Part::Many) {
                next += 1;
                retry = Some((next, rest.clone()));
                continue;
            }
            let mut after = rest.clone();
            match (part, after.next()) {
                (None, None) => return true,
                (Some(Part::One), Some(_)) => {}
                (Some(Part::Character(wanted)), Some(found)) if wanted == found => {}
                (_, _) => {
                    let Some((place, mut from)) = retry.take() else { return false };
                    if from.next().is_none() {
                        return false;
                    }
                    next = place;
                    rest = from.clone();
                    retry = Some((place, from));
                    continue;
                }
            }
            rest = after;
            next += 1;
        }
    }
}

impl Part {
    fn character(self) -> Option<char> {
        match self {
            Self::Character(character) => Some(character),
            Self::One | Self::Many => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "", true)]
    #[case("", "a", false)]
    #[case("a", "a", true)]
    #[case("%", "", true)]
    #[case("%", "abc", true)]
    #[case("_", "", false)]
    #[case("_", "é", true)]
    #[case("a%c", "abbbc", true)]
    #[case("a%c", "abcb", false)]
    #[case("a%bc", "abbbbc", true)]
    #[case("%ab%", "xxabxx", true)]
    #[case("%ab%", "xaxbx", false)]
    #[case("a_c", "abc", true)]
    #[case("a_c", "abbc", false)]
    #[case("%_%", "x", true)]
    #[case("%_%", "", false)]
    #[case("a!%c", "a%c", true)]
    #[case("a!%c", "abc", false)]
    #[case("!!%", "!x", true)]
    #[case("%aab", "aaab", true)]
    fn texts_fit_patterns(#[case] pattern: &str, #[case] text: &str, #[case] fits: bool) {
        assert_eq!(Pattern::new(pattern, Some('!')).unwrap().fits(text), fits);
    }

    #[test]
    fn a_backslash_means_nothing_unless_it_is_the_escape_character() {
        assert!(Pattern::new("a\\%", None).unwrap().fits("a\\bc"));
        assert!(!Pattern::new("a\\%", Some('\\')).unwrap().fits("a\\bc"));
    }

    #[rstest]
    fn escapes_of_nothing_are_refused(#[values("a!", "!b")] pattern: &str) {
        assert!(Pattern::new(pattern, Some('!')).is_err());
    }

    #[test]
    fn simple_patterns_are_known() {
        let shape = |text| Pattern::new(text, Some('!')).unwrap().shape();
        assert_eq!(shape("abc"), Shape::Text("abc".to_owned()));
        assert_eq!(shape("a!%"), Shape::Text("a%".to_owned()));
        assert_eq!(shape("ab%%"), Shape::Prefix("ab".to_owned()));
        assert_eq!(shape("ab%c"), Shape::Other);
        assert_eq!(shape("_b"), Shape::Other);
    }

    #[test]
    fn a_pattern_of_many_wildcards_takes_no_exponential_time() {
        let pattern = Pattern::new(&"%a".repeat(200), None).unwrap();
        assert!(!pattern.fits(&format!("{}b", "a".repeat(5_000))));
    }
}
