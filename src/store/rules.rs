//! The rules of every statement of this service. They make it possible to distribute the archive by tenant:
//!
//! - Every statement binds the tenant at each table of a tenant, in each part of the statement and under each alias: `…
//!   FROM mentions m JOIN contents c … WHERE m.tenant_id = $1 AND c.tenant_id = $2`. `c.tenant_id = m.tenant_id` means
//!   the same, but with it Citus asks every shard if it is inside of an OR.
//! - An INSERT begins with its table: `INSERT INTO t (…) WITH … SELECT …`. Citus forwards the other order to the shards
//!   in a form that they refuse.
//! - A relation of a WITH takes its columns' names from its SELECT, and has a list of columns only with VALUES. Citus
//!   loses that list.
//!
//! A debug build checks each statement before it runs, so every test checks it. A statement that no test runs is not
//! checked for the tenant. `tests/it/statements.rs` reads the sources for the other two rules.

use super::lexer::{SqlToken, tokens};

/// Tables that are complete on every node.
const SHARED: [&str; 1] = ["tenants"];

/// Statements that are meant for all tenants.
const FOR_ALL: [&str; 1] = ["SELECT tenant_id, purpose, key_version, master_id, wrapped, created_at FROM keysets \
                            ORDER BY tenant_id, purpose, key_version"];

/// Words after a table that are not its alias.
const NO_ALIAS: [&str; 22] = [
    "as",
    "cross",
    "do",
    "except",
    "for",
    "full",
    "group",
    "having",
    "inner",
    "intersect",
    "join",
    "left",
    "limit",
    "on",
    "order",
    "returning",
    "right",
    "select",
    "set",
    "union",
    "using",
    "where",
];

/// A token, or all tokens in a pair of brackets.
enum Node<'t> {
    Word(&'t str),
    Bound,
    Symbol(char),
    Group(Vec<Self>),
}

impl Node<'_> {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }

    fn is_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.is(word))
    }

    fn is_symbol(&self, symbol: char) -> bool {
        matches!(self, Self::Symbol(own) if *own == symbol)
    }
}

pub fn broken(text: &str) -> Option<String> {
    let mut tokens = tokens(text).into_iter().map(|(token, _)| token);
    let nodes = parse(&mut tokens);
    // The text before it is EXPLAIN.
    let start = nodes.iter().position(|node| node.is_any(&["select", "with", "insert", "update", "delete"]))?;
    if start > 0 && !nodes.first().is_some_and(|first| first.is("explain")) || FOR_ALL.contains(&text) {
        return None;
    }
    let mut named = Vec::new();
    name_relations(&nodes, &mut named);
    let nodes = nodes.get(start..)?;
    if nodes.iter().skip(1).any(|node| node.is("insert")) {
        return Some("INSERT INTO comes first, its WITH behind its columns".to_owned());
    }
    check(nodes, &named)
}

fn parse<'t>(tokens: &mut impl Iterator<Item = SqlToken<'t>>) -> Vec<Node<'t>> {
    let mut nodes = Vec::new();
    while let Some(token) = tokens.next() {
        nodes.push(match token {
            SqlToken::Symbol('(') => Node::Group(parse(tokens)),
            SqlToken::Symbol(')') => break,
            SqlToken::Symbol(symbol) => Node::Symbol(symbol),
            SqlToken::Word(word) => Node::Word(word),
            SqlToken::Quoted(_) => Node::Symbol('\''),
            SqlToken::Bound => Node::Bound,
        });
    }
    nodes
}

/// The names of all relations that WITH defines, anywhere in the statement.
fn name_relations<'t>(nodes: &[Node<'t>], named: &mut Vec<&'t str>) {
    for (at, node) in nodes.iter().enumerate() {
        if let Some((name, _)) = relation(nodes, at) {
            named.push(name);
        }
        if let Node::Group(inner) = node {
            name_relations(inner, named);
        }
    }
}

/// The name of a relation, if the text at this position is `name AS (…)` or `name (…) AS (…)`, and the rule that it
/// breaks.
fn relation<'t>(nodes: &[Node<'t>], at: usize) -> Option<(&'t str, Option<String>)> {
    let Node::Word(name) = nodes.get(at)? else { return None };
    let mut rest = nodes.get(at + 1..)?.iter().peekable();
    let has_list = rest.next_if(|node| matches!(node, Node::Group(_))).is_some();
    rest.next_if(|node| node.is("as"))?;
    let body = rest.find(|node| !node.is_any(&["not", "materialized"]))?;
    let Node::Group(body) = body else { return None };
    let is_renamed = has_list && !body.first().is_some_and(|first| first.is("values"));
    Some((
        name,
        is_renamed.then(|| format!("{name}: the SELECT names the columns of a WITH, not a list behind its name")),
    ))
}

/// Checks one level of the text, and then the brackets in it.
fn check(nodes: &[Node<'_>], named: &[&str]) -> Option<String> {
    if let Some(broken) = (0..nodes.len()).find_map(|at| relation(nodes, at)?.1) {
        return Some(broken);
    }
    let arms = nodes.split(|node| node.is_any(&["union", "intersect", "except"]));
    arms.into_iter().find_map(|arm| check_tenants(arm, named)).or_else(|| {
        nodes.iter().find_map(|node| match node {
            Node::Group(inner) => check(inner, named),
            _ => None,
        })
    })
}

/// Checks that one SELECT, INSERT, UPDATE, or DELETE binds the tenant at each of its tables.
fn check_tenants(nodes: &[Node<'_>], named: &[&str]) -> Option<String> {
    if let Some(at) = nodes.iter().position(|node| node.is("into")) {
        let table = nodes.get(at + 1)?;
        if !table.is_any(&SHARED) && !is_inserted(nodes.get(at + 2..)?) {
            return Some("INSERT INTO writes the bound tenant first".to_owned());
        }
    }
    let mut tables = tables(nodes);
    tables.retain(|(name, _)| !named.contains(name) && !SHARED.contains(name));
    let bound = bound_tenants(nodes);
    let is_bound = |alias: &str| bound.contains(&alias) || tables.len() == 1 && bound.contains(&"");
    let unbound = tables.iter().find(|(_, alias)| !is_bound(alias));
    unbound.map(|(name, alias)| format!("{name} {alias}: no bound tenant"))
}

/// Whether the text after the table of an INSERT writes a bound tenant, or the tenant of a row that was found by it.
fn is_inserted(rest: &[Node<'_>]) -> bool {
    let Some(Node::Group(columns)) = rest.first() else { return false };
    let begins = |row: &[Node<'_>]| {
        let row = if row.first().is_some_and(|first| first.is("distinct")) { &row[1..] } else { row };
        match row {
            [Node::Bound, ..] => true,
            [Node::Word(_), dot, column, ..] if dot.is_symbol('.') => column.is("tenant_id"),
            [column, ..] => column.is("tenant_id"),
            [] => false,
        }
    };
    let source = rest.iter().position(|node| node.is_any(&["select", "values"]));
    let Some(source) = source.and_then(|at| rest.get(at..)) else { return false };
    columns.first().is_some_and(|first| first.is("tenant_id"))
        && match source {
            [first, rows @ ..] if first.is("values") => rows
                .iter()
                .take_while(|node| matches!(node, Node::Group(_)) || node.is_symbol(','))
                .all(|row| !matches!(row, Node::Group(row) if !begins(row))),
            [_, row @ ..] => begins(row),
            [] => false,
        }
}

/// The tables that are read, changed, or deleted from, each with its alias. A function is not a table.
fn tables<'t>(nodes: &[Node<'t>]) -> Vec<(&'t str, &'t str)> {
    let mut tables = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| nodes.get(at));
        let is_other = match node {
            _ if node.is("from") => before.is_some_and(|before| before.is("distinct")),
            _ if node.is("update") => before.is_some_and(|before| before.is_any(&["do", "for"])),
            _ => !node.is_any(&["join", "using"]),
        };
        if is_other {
            continue;
        }
        let mut rest = nodes.get(at + 1..).unwrap_or_default();
        loop {
            rest = match rest {
                [first, others @ ..] if first.is_any(&["lateral", "only"]) => others,
                _ => rest,
            };
            let (length, table) = one_table(rest);
            tables.extend(table);
            match rest.get(length..) {
                Some([comma, others @ ..]) if comma.is_symbol(',') && !node.is("update") => rest = others,
                _ => break,
            }
        }
    }
    tables
}

/// One element of a FROM: the number of its nodes, and, for a table, its name and its alias.
fn one_table<'t>(rest: &[Node<'t>]) -> (usize, Option<(&'t str, &'t str)>) {
    let (mut length, name) = match rest {
        [Node::Word(_), Node::Group(_), ..] => (2, None),
        [Node::Word(name), ..] => (1, Some(*name)),
        _ => (1, None),
    };
    length += usize::from(rest.get(length).is_some_and(|node| node.is("as")));
    let alias = match rest.get(length) {
        Some(node @ Node::Word(alias)) if !node.is_any(&NO_ALIAS) => Some(*alias),
        _ => None,
    };
    length += usize::from(alias.is_some());
    length += usize::from(alias.is_some() && matches!(rest.get(length), Some(Node::Group(_))));
    (length, name.map(|name| (name, alias.unwrap_or(name))))
}

/// The names of the tables whose tenant is bound in conditions that must all be true. The name is empty for a column
/// without an alias.
fn bound_tenants<'t>(nodes: &[Node<'t>]) -> Vec<&'t str> {
    const CLAUSES: [&str; 19] = [
        "select",
        "from",
        "join",
        "where",
        "on",
        "set",
        "group",
        "having",
        "order",
        "limit",
        "returning",
        "values",
        "conflict",
        "left",
        "right",
        "full",
        "inner",
        "cross",
        "for",
    ];
    let mut bound = Vec::new();
    let starts = (0..nodes.len()).filter(|at| nodes.get(*at).is_some_and(|node| node.is_any(&CLAUSES)));
    let starts: Vec<_> = starts.chain([nodes.len()]).collect();
    for clause in starts.windows(2).filter_map(|ends| nodes.get(*ends.first()?..*ends.last()?)) {
        let [first, conditions @ ..] = clause else { continue };
        if !first.is_any(&["where", "on"]) || conditions.iter().any(|node| node.is("or")) {
            continue;
        }
        for condition in conditions.split(|node| node.is("and")) {
            bound.extend(match condition {
                [Node::Word(table), dot, column, equals, Node::Bound]
                    if dot.is_symbol('.') && column.is("tenant_id") && equals.is_symbol('=') =>
                {
                    Some(*table)
                }
                [column, equals, Node::Bound] if column.is("tenant_id") && equals.is_symbol('=') => Some(""),
                _ => None,
            });
        }
    }
    bound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_names_the_tenant_at_every_table_keeps_the_rules() {
        for text in [
            "SELECT CAST(1 AS INTEGER)",
            "SELECT slug FROM tenants ORDER BY slug",
            "SELECT id FROM contents WHERE tenant_id = $1 AND (id = $2 OR interaction_id = $3)",
            "SELECT id FROM contents WHERE kind = ? AND tenant_id = ? ORDER BY id LIMIT ?",
            "SELECT (SELECT id FROM a WHERE tenant_id = $1 LIMIT 1) IS NOT NULL, (SELECT id FROM b WHERE tenant_id = $2)",
            "SELECT m.n FROM mentions m JOIN contents AS c ON c.id = m.id AND c.tenant_id = $1 WHERE m.tenant_id = $2",
            "SELECT m.n FROM mentions m LEFT JOIN contents c ON c.tenant_id = $1 LEFT JOIN b ON b.tenant_id = $2 \
             WHERE m.tenant_id = $3",
            "SELECT f.value FROM deliveries d CROSS JOIN json_each(d.names) AS f WHERE d.tenant_id = ?",
            "SELECT a, b IS DISTINCT FROM c FROM t WHERE tenant_id = $1 FOR UPDATE",
            "SELECT * FROM (SELECT id FROM a WHERE tenant_id = $1) AS one UNION SELECT * FROM (SELECT id FROM b WHERE \
             tenant_id = $2) AS another ORDER BY id",
            "WITH s (id, at) AS (VALUES ($1, $2), ($3, $4)) SELECT r.id FROM s JOIN r ON r.id = s.id WHERE r.tenant_id = $5",
            "WITH s AS MATERIALIZED (SELECT id AS no FROM a WHERE tenant_id = $1) UPDATE b SET c = s.no FROM s WHERE b.tenant_id = $2",
            "INSERT INTO a (tenant_id, id) VALUES ($1, $2), ($3, $4) ON CONFLICT (tenant_id) DO UPDATE SET id = excluded.id \
             WHERE a.until < 1 OR a.id = $5",
            "INSERT INTO a (tenant_id, id) WITH s AS (SELECT id FROM b WHERE tenant_id = $1) SELECT DISTINCT $2::uuid, id FROM s",
            "INSERT INTO a (tenant_id, id) SELECT b.tenant_id, b.id FROM b WHERE b.tenant_id = $1",
            "INSERT INTO a (tenant_id, id) SELECT $1, unnest($2), unnest($3)",
            "DELETE FROM a WHERE tenant_id = $1 AND (id, version) IN (VALUES ($2, $3))",
            "EXPLAIN (COSTS OFF) SELECT id FROM a WHERE tenant_id = $1",
            "ANALYZE pass_work, pass_selections",
            "ALTER TABLE a RENAME TO b",
        ] {
            assert_eq!(broken(text), None, "{text}");
        }
    }

    #[test]
    fn a_statement_that_breaks_a_rule_is_told_which() {
        for (text, rule) in [
            ("SELECT id FROM contents", "contents"),
            ("SELECT id FROM contents WHERE tenant_id = other", "contents"),
            ("SELECT id FROM contents WHERE tenant_id = $1 OR id = $2", "contents"),
            ("SELECT id FROM contents WHERE NOT tenant_id = $1", "contents"),
            ("SELECT id FROM contents WHERE (tenant_id = $1 OR TRUE)", "contents"),
            ("SELECT id FROM contents ORDER BY tenant_id = $1", "contents"),
            ("SELECT 1 FROM a, b WHERE a.tenant_id = $1", "b"),
            ("SELECT 1 FROM a JOIN b ON b.tenant_id = a.tenant_id WHERE a.tenant_id = $1", "b"),
            ("SELECT 1 FROM a x JOIN a y ON y.id = x.id WHERE x.tenant_id = $1 AND a.tenant_id = $2", "a y"),
            ("SELECT 1 FROM a WHERE tenant_id = $1 UNION SELECT 1 FROM b", "b"),
            (
                "SELECT 1 FROM m WHERE m.tenant_id = $1 AND (n = 1 OR EXISTS (SELECT 1 FROM w WHERE w.tenant_id = m.tenant_id))",
                "w",
            ),
            ("WITH s AS (SELECT id FROM a) SELECT id FROM s", "a"),
            ("UPDATE a SET b = 1 WHERE id = $1", "a"),
            ("UPDATE a SET b = c.d FROM c WHERE a.tenant_id = $1 AND c.id = a.id", "c"),
            ("UPDATE a SET tenant_id = $1", "a"),
            ("DELETE FROM a WHERE id = $1", "a"),
            ("DELETE FROM a USING b WHERE a.tenant_id = $1", "b"),
            ("INSERT INTO a (id, tenant_id) VALUES ($1, $2)", "INSERT"),
            ("INSERT INTO a (tenant_id, id) VALUES ($1, $2), ((SELECT 1), $3)", "INSERT"),
            ("INSERT INTO a (tenant_id, id) SELECT other, id FROM b WHERE tenant_id = $1", "INSERT"),
            ("INSERT INTO a (tenant_id, id) SELECT b.tenant_id, id FROM b", "b"),
            ("INSERT INTO a SELECT * FROM b WHERE tenant_id = $1", "INSERT"),
            (
                "WITH s AS (SELECT id FROM b WHERE tenant_id = $1) INSERT INTO a (tenant_id, id) SELECT $2, id FROM s",
                "INSERT",
            ),
            ("WITH s (no) AS (SELECT id FROM b WHERE tenant_id = $1) SELECT no FROM s", "s"),
            ("WITH s (no) AS MATERIALIZED (SELECT id FROM b WHERE tenant_id = $1) SELECT no FROM s", "s"),
            ("WITH s AS (SELECT 1), t (no) AS NOT MATERIALIZED (SELECT 2) SELECT no FROM s, t", "t"),
        ] {
            let found = broken(text).unwrap_or_default();
            assert!(found.starts_with(rule), "{text}: {found}");
        }
    }
}
