//! A search for identifiers in places that must not contain any.

/// The texts to search for, all at once.
#[derive(Debug, Default)]
pub struct Needles {
    /// The texts by their first byte.
    texts: Vec<Vec<Vec<u8>>>,
    count: usize,
}

impl Needles {
    /// Searches for these texts. A text of less than seven bytes would be found by chance.
    pub fn new(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut needles = Self { texts: vec![Vec::new(); 256], count: 0 };
        for text in texts {
            let text: String = text.into();
            assert!(text.len() >= 7, "{text} would be found by chance");
            needles.texts[usize::from(text.as_bytes()[0])].push(text.into_bytes());
            needles.count += 1;
        }
        needles
    }

    /// The texts that some bytes contain, each with the bytes around it.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        assert!(self.count > 0, "nothing to look for");
        let mut found = Vec::new();
        for (at, first) in bytes.iter().enumerate() {
            for text in &self.texts[usize::from(*first)] {
                if bytes[at..].starts_with(text) {
                    let around = &bytes[at.saturating_sub(60)..(at + text.len() + 20).min(bytes.len())];
                    found.push(String::from_utf8_lossy(around).into_owned());
                }
            }
        }
        found
    }

    /// Asserts that some bytes contain none of the texts.
    #[track_caller]
    pub fn absent_from(&self, what: &str, bytes: &[u8]) {
        assert!(!bytes.is_empty(), "{what}: nothing to look through");
        let found = self.found_in(bytes);
        assert!(found.is_empty(), "{what}: {} times, first: {:?}", found.len(), &found[..found.len().min(3)]);
    }
}

#[test]
fn what_is_there_is_found() {
    let needles = Needles::new(["+4791234567", "kari@example.net", "912 34 567"]);
    assert!(needles.found_in(b"line 4791234567, 91234567, kari@example.org").is_empty());
    assert_eq!(needles.found_in(b"x\x00+4791234567").len(), 1);
    assert_eq!(needles.found_in(b"912 34 567 and 912 34 567").len(), 2);
}
