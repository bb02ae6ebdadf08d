//! The words that addresses are spoken in.

/// Words for `@` that mean nothing else.
pub(super) const SIGNS: &[&str] = &[
    "krøllalfa",
    "krøll-alfa",
    "alfakrøll",
    "snabel-a",
    "snabela",
    "snabelalfa",
    "kanelbulle",
    "klammeraffe",
    "affenschwanz",
    "miukumauku",
    "kissanhäntä",
    "arroba",
    "arobase",
    "chiocciola",
    "alfakrull",
    "krollalfa",
    "snabel",
    "ät-merkki",
    "ätmerkki",
    "at-merkki",
    "atmerkki",
    "at-zeichen",
    "atzeichen",
    "at-tecken",
    "at-tegn",
    "apenstaartje",
    "apenstaart",
    "apestaartje",
    "apestaart",
    "małpa",
    "małpka",
    "malpa",
];

/// Words for `@` that are words of everyday language too.
pub(super) const WORDS: &[&str] = &["at", "ätt", "ät", "att", "æt"];

/// Words for `.`.
pub(super) const DOTS: &[&str] = &[
    "dot", "punktum", "punkt", "prikk", "prik", "piste", "point", "punto", "puntum", "prick", "period", "punt",
    "ponto", "kropka",
];

/// Words for other signs of a local part.
pub(super) const OTHERS: &[(&str, char)] = &[
    ("underscore", '_'),
    ("understrek", '_'),
    ("understreck", '_'),
    ("unterstrich", '_'),
    ("bindestrek", '-'),
    ("bindestreck", '-'),
    ("bindestreg", '-'),
    ("dash", '-'),
    ("hyphen", '-'),
    ("understreg", '_'),
    ("alaviiva", '_'),
    ("bindestrich", '-'),
    ("minus", '-'),
    ("miinus", '-'),
    ("tavuviiva", '-'),
    ("yhdysmerkki", '-'),
    ("väliviiva", '-'),
    ("plus", '+'),
    ("pluss", '+'),
];

/// Two words that mean `@` together.
pub(super) const TWO_SIGNS: &[(&str, &str)] = &[
    ("snabel", "a"),
    ("krøll", "alfa"),
    ("at", "sign"),
    ("at", "symbol"),
    ("at", "tegn"),
    ("at", "zeichen"),
    ("ät", "merkki"),
];

/// Words that say that an address follows.
pub(super) const CUES: &[&str] = &[
    "mail",
    "email",
    "e-mail",
    "epost",
    "e-post",
    "mejl",
    "e-postadresse",
    "mailadresse",
    "adresse",
    "adressen",
    "address",
    "epostadressen",
    "adress",
    "sähköposti",
    "sähköpostini",
    "mailen",
    "e-mail-adresse",
    "mailadressen",
    "osoite",
    "osoitteeni",
    "osoitteeseen",
    "send",
    "sende",
    "sendes",
    "skicka",
    "skickas",
    "skriv",
    "write",
    "schicken",
    "schreiben",
    "lähetä",
    "kirjoita",
];
