//! The classes of all columns, as `migrations/census.toml` tells them.

use std::collections::HashMap;
use std::sync::LazyLock;

const CENSUS: &str = include_str!("../../migrations/census.toml");

/// The tables of migrations belong to no tenant.
const TOOLS: [&str; 1] = ["_sqlx_migrations"];

/// The class of a column of the archive, by the table and the name.
static CLASSES: LazyLock<HashMap<(&str, &str), &str>> = LazyLock::new(|| {
    let (mut classes, mut table) = (HashMap::new(), "");
    for line in CENSUS.lines().filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("[archive.").and_then(|rest| rest.strip_suffix(']')) {
            table = name;
        } else if line.starts_with('[') {
            table = "";
        } else if let Some((column, class)) = line.split_once(" = ")
            && !table.is_empty()
        {
            classes.insert((table, column), class.trim_matches('"'));
        }
    }
    classes
});

/// The class of a column of the archive. A column that nobody has classified has none.
#[must_use]
pub fn class(table: &str, column: &str) -> Option<&'static str> {
    CLASSES.get(&(table, column)).copied()
}

/// Whether a table belongs to a tool and not to the service.
#[must_use]
pub fn is_tool(table: &str) -> bool {
    TOOLS.contains(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_classes_of_the_census() {
        assert_eq!(class("interactions", "attributes"), Some("tokenized_text"));
        assert_eq!(class("interactions", "at"), Some("time"));
        assert_eq!(class("identifiers", "sealed"), None, "the vault is not searched");
        assert_eq!(class("interactions", "unheard_of"), None);
    }
}
