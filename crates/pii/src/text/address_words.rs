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

/// Nouns of an address.
pub(super) const NOUNS: &[&str] = &[
    "mail",
    "mailen",
    "email",
    "e-mail",
    "epost",
    "e-post",
    "eposten",
    "e-posten",
    "mejl",
    "mejlen",
    "mailadresse",
    "mailadressen",
    "mailadress",
    "mejladress",
    "e-mailadresse",
    "e-mail-adresse",
    "epostadresse",
    "epostadressen",
    "e-postadresse",
    "e-postadressen",
    "e-postadress",
    "emailadresse",
    "address",
    "sähköposti",
    "sähköpostini",
    "sähköpostiosoite",
    "sähköpostiosoitteeni",
    "correo",
    "courriel",
];

/// Words that say what an address is.
pub(super) const SAYS: &[&str] = &["is", "er", "är", "ist", "on", "lautet", "blir", "bliver", "it's", "es", "est"];

/// Words beside the noun of an address.
pub(super) const BESIDE: &[&str] = &[
    "my", "min", "mitt", "mine", "meine", "mein", "address", "adresse", "adress", "adressen", "her", "his", "hans",
    "hennes", "da", "nå", "nu", "så", "so", "also", "altså", "alltså", "då",
];

/// Words that say how or where mail is.
pub(super) const STATES: &[&str] = &[
    "down", "up", "here", "there", "not", "now", "only", "still", "sent", "nede", "nere", "oppe", "uppe", "her", "der",
    "här", "där", "hier", "dort", "ikke", "inte", "nicht",
];

/// Hosts of nothing but mailboxes.
pub(super) const MAILBOXES: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "hotmail.no",
    "hotmail.se",
    "hotmail.co.uk",
    "outlook.com",
    "live.com",
    "live.no",
    "live.se",
    "msn.com",
    "yahoo.com",
    "yahoo.co.uk",
    "yahoo.no",
    "icloud.com",
    "me.com",
    "mac.com",
    "aol.com",
    "gmx.de",
    "gmx.net",
    "gmx.at",
    "web.de",
    "t-online.de",
    "online.no",
    "proton.me",
    "protonmail.com",
];
