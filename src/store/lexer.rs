//! The tokens of SQL, as far as both databases agree on them. That is enough to separate statements and to check the
//! rules of their texts.

use std::ops::Range;

/// One token. Comments and white space are not tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlToken<'t> {
    /// A keyword, a name, or a number.
    Word(&'t str),
    /// Text or a name in quotes.
    Quoted(&'t str),
    /// A bound value: `$1` or `?`.
    Bound,
    /// Any other text, one character at a time.
    Symbol(char),
}

/// The tokens of a text, each with its bytes. A quote or a comment without an end reaches to the end of the text, and
/// the database reports the error.
pub fn tokens(text: &str) -> Vec<(SqlToken<'_>, Range<usize>)> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match first {
            _ if first.is_whitespace() => (None, first.len_utf8()),
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, comment(rest)),
            'e' | 'E' if rest[1..].starts_with('\'') => {
                let length = 1 + quoted(&rest[1..], '\'', true);
                (Some(SqlToken::Quoted(&rest[..length])), length)
            }
            '\'' | '"' | '`' => {
                let length = quoted(rest, first, false);
                (Some(SqlToken::Quoted(&rest[..length])), length)
            }
            '$' => dollar(rest),
            '?' => (Some(SqlToken::Bound), 1),
            _ if is_word(first) => {
                let length = word(rest);
                (Some(SqlToken::Word(&rest[..length])), length)
            }
            _ => (Some(SqlToken::Symbol(first)), first.len_utf8()),
        };
        tokens.extend(token.map(|token| (token, at..at + length)));
        at += length;
    }
    tokens
}

/// The statements of a text that has several, without the semicolons between them.
///
/// A body of statements within a statement (`BEGIN … END` of a trigger, `BEGIN ATOMIC` of a function) would be split.
/// The tables of this service have neither, as a test of the migrations checks.
pub fn statements(text: &str) -> Vec<&str> {
    let mut statements = Vec::new();
    let mut begun: Option<Range<usize>> = None;
    for (token, place) in tokens(text) {
        if token == SqlToken::Symbol(';') {
            statements.extend(begun.take().map(|whole| &text[whole]));
        } else {
            begun = Some(begun.map_or(place.start, |whole| whole.start)..place.end);
        }
    }
    statements.extend(begun.map(|whole| &text[whole]));
    statements
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_word(c) && c != '$').unwrap_or(rest.len())
}

/// The length of a comment, which may contain other comments.
fn comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let (change, length) = match &rest[at..] {
            inner if inner.starts_with("/*") => (1, 2),
            inner if inner.starts_with("*/") => (-1, 2),
            inner => (0, inner.chars().next().map_or(1, char::len_utf8)),
        };
        depth = depth.saturating_add_signed(change);
        at += length;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a quoted text. A doubled quote is one of its characters.
fn quoted(rest: &str, quote: char, escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == '\\' && escapes {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

/// `$1`, or text between two times the same `$tag$`.
fn dollar(rest: &str) -> (Option<SqlToken<'_>>, usize) {
    let end = rest[1..].find(|c| !is_word(c)).map_or(rest.len(), |end| end + 1);
    let name = &rest[1..end];
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return (Some(SqlToken::Bound), end);
    }
    if !rest[end..].starts_with('$') {
        return (Some(SqlToken::Symbol('$')), 1);
    }
    let tag = &rest[..=end];
    let length = rest[tag.len()..].find(tag).map_or(rest.len(), |body| body + 2 * tag.len());
    (Some(SqlToken::Quoted(&rest[..length])), length)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statements_end_at_semicolons_outside_of_quotes_and_comments() {
        for (text, expected) in [
            ("", &[][..]),
            (" ;; \n", &[]),
            ("-- nothing; here\n/* nor; /* here; */ */", &[]),
            ("SELECT 1", &["SELECT 1"]),
            ("SELECT 1; SELECT 2;\n", &["SELECT 1", "SELECT 2"]),
            ("-- first;\nSELECT 1 -- one;\n; /* ; */ SELECT 2", &["SELECT 1", "SELECT 2"]),
            ("SELECT 'a;b', 'it''s;'; SELECT \"c;\"\"d\"; x", &["SELECT 'a;b', 'it''s;'", "SELECT \"c;\"\"d\"", "x"]),
            ("SELECT E'\\';', e'\\\\'; SELECT '\\'; x", &["SELECT E'\\';', e'\\\\'", "SELECT '\\'", "x"]),
            ("SELECT $$;$$, $a$;$$;$b$;$a$, $1; x", &["SELECT $$;$$, $a$;$$;$b$;$a$, $1", "x"]),
            ("SELECT a$b;c$d; `e;`", &["SELECT a$b", "c$d", "`e;`"]),
            ("SELECT 'æ;ø', /* å; */ \"ß;\"; x", &["SELECT 'æ;ø', /* å; */ \"ß;\"", "x"]),
            ("SELECT 'open; SELECT 2", &["SELECT 'open; SELECT 2"]),
            ("SELECT 1 /* open; SELECT 2", &["SELECT 1"]),
            ("SELECT 8 - -- minus;\n1; SELECT 4 /2", &["SELECT 8 - -- minus;\n1", "SELECT 4 /2"]),
        ] {
            assert_eq!(statements(text), expected, "{text}");
        }
    }

    proptest! {
        /// Any text has an end, and nothing is lost but semicolons, comments, and white space.
        #[test]
        fn nothing_of_a_text_is_lost(text in r#"([a-z;'"$é /*\\-]|\$a\$|--|/\*|\*/|\n){0,40}"#) {
            let whole = tokens(&text).into_iter().filter(|(token, _)| *token != SqlToken::Symbol(';'));
            let parts = statements(&text);
            let of_parts = parts.iter().flat_map(|part| tokens(part).into_iter().map(|(token, _)| token));
            prop_assert_eq!(whole.map(|(token, _)| token).collect::<Vec<_>>(), of_parts.collect::<Vec<_>>());
        }
    }
}
