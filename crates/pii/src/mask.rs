//! The mask of a forgotten identifier.

/// Five `*` and the last character (A8): the same length for every value, so that not even the length leaks.
#[must_use]
pub fn mask(value: &str) -> String {
    format!("*****{}", value.chars().next_back().map(String::from).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn a_mask_shows_the_last_character_and_not_the_length() {
        assert_eq!(mask("+4798765"), "*****5");
        assert_eq!(mask("bob.test@mytest.no"), "*****o");
        assert_eq!(mask(""), "*****");
    }
}
