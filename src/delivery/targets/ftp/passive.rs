//! The replies that name the port for data.

/// The port in a reply to PASV: six numbers with commas between them. RFC 1123, 4.1.2.6: nothing else of the reply is
/// certain, not even the brackets.
pub fn port(text: &str) -> Option<u16> {
    let joined = text.replace(", ", ",");
    joined.split(|c: char| !c.is_ascii_digit() && c != ',').find_map(|part| {
        let numbers: Result<Vec<u8>, _> = part.trim_matches(',').split(',').map(str::parse).collect();
        match *numbers.ok()? {
            [_, _, _, _, high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    })
}

/// The port in a reply to EPSV: `|||6446|`, where any character may be in place of `|` (RFC 2428).
pub fn extended_port(text: &str) -> Option<u16> {
    text.char_indices().filter(|(_, c)| c.is_ascii_punctuation()).find_map(|(at, mark)| {
        let rest = text[at..].strip_prefix(mark)?.strip_prefix(mark)?.strip_prefix(mark)?;
        rest.split_once(mark)?.0.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_port_is_found_by_its_numbers() {
        for (text, found) in [
            ("Entering Passive Mode (127,0,0,1,193,241).", Some(49_649)),
            ("Entering Passive Mode 127,0,0,1,193,241", Some(49_649)),
            ("Entering Passive Mode (127, 0, 0, 1, 193, 241)", Some(49_649)),
            ("=127,0,0,1,4,1", Some(1025)),
            ("ok, 127,0,0,1,4,1", Some(1025)),
            ("Entering Passive Mode (127,0,0,1,193,256)", None),
            ("Entering Passive Mode (127,0,0,1,193)", None),
            ("Entering Passive Mode", None),
        ] {
            assert_eq!(port(text), found, "{text}");
        }
        for (text, found) in [
            ("Entering Extended Passive Mode (|||6446|)", Some(6446)),
            ("Extended passive mode OK |||6446|", Some(6446)),
            ("Entering Extended Passive Mode (!!!6446!)", Some(6446)),
            ("Wait... (|||6446|)", Some(6446)),
            ("Entering Extended Passive Mode (|||66446|)", None),
            ("Entering Extended Passive Mode", None),
        ] {
            assert_eq!(extended_port(text), found, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_readers_panic(text: String, digits in "[0-9,(|) ]{0,40}") {
            for text in [text, digits] {
                let _ = (port(&text), extended_port(&text));
            }
        }
    }
}
