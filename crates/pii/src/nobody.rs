//! Words that a system writes where it knows no identifier, and words that name a role or a call and no person.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Words for a number or a name that is withheld or unknown (A17), in the languages of the service and some of their
/// neighbours.
const WITHHELD: &str = "afgeschermd asterisk anon anoniem anonim anonimo anonym anonyme anonymes anonymised \
    anonymized anonymer anonymous anonymt anónimo blocked blokeret blokkert blockerad blockerat blockiert \
    confidential desconegut desconocido desconocida desconhecido dolt dold estetty geheim geheime gizli hemlig \
    hemligt hemmelig hemmeligt hemmelege hidden inconnu inconnue indisponible loyndur masked masqué masquee masque \
    nedostupné neznámé neznámy nieznany nil none null occulté oculto okänd okänt onbekend óþekkt piilotettu privat \
    noname namnlös navnløs navnlaus nimetön namenlos private privata privato privado privé prywatny restricted \
    riservato salainen salattu sconosciuto skjult skjulte sperret suppressed tuntematon tundmatu ukendt ukjent ukjend \
    unavailable unbekannt unbekannte unbekannter undefined unidentified unknown unlisted unnamed unpublished \
    unspecified unterdrückt unterdrueckt verborgen withheld yksityinen zastrzeżony неизвестно неизвестный невідомий";

/// Words for what somebody is or does in a conversation: in English, German, and the languages of the north.
const ROLES: &str = "a admin advisor agent agenten agentti ai anropare anrufer ansatt asiakas asiakaspalvelija \
    assistant attendant auto b berater besøkende besøgende besökare besucher bot bruger bruker brukar användare \
    käyttäjä kävijä vieras vierailija gast gjest gæst gäst c callee caller center centre channel chatbot client \
    consultant contact customer d employee external guest handläggare host human inbound innringer internal ivr kund \
    kunde kunden kundebehandler kundeservice kundeveileder kundin kundservice kundtjänst left manager medarbeider \
    medarbejder medarbetare mitarbeiter operator operatör operatør opkalder outbound participant party person rep \
    representative right robot rådgivare rådgiver saksbehandler sbehandler sagsbehandler self service soittaja \
    speaker spk sprecher staff supervisor support system talare taler team uppringare user virtual visitor voice \
    voicemail you ch klient klienten patient patienten pasient pasienten potilas patientin prospect passenger \
    passager passasjer passagerare matkustaja fahrgast reisende interessent end slutbruker slutbruger slutanvändare \
    loppukäyttäjä endbenutzer subscriber abonnent tilaaja teilnehmer deltaker deltagare deltager osallistuja member \
    medlem jäsen mitglied klant cliente clienta besökande bezoeker visiteur visiteuse visitante visitatore usuario \
    usuaria utente gebruiker utilisateur utilisatrice użytkownik odwiedzający invité invitée invitado conference queue \
    agente medewerker conseiller conseillère asesor operador operatore konsultant kolejka wachtrij";

/// Words that go with them: what is withheld, what is called, and why there is no name.
const BESIDE: &str = "angabe angegeben angitt angivet anruf anrop and area asterisk available avslöjat call calling \
    callerid cell cellular chat cid cnam disponible ei ej empty eller fax for free handy id ikke ikkje in incoming \
    ingen inget ingoing inte is kein keine keinen keiner known line lead missing mobil mobile n na name namn navn \
    nicht nimeä nimetön nimi no not number numero numeroa numéro número nummer nummeret nr of ohne oplyst oppgitt out \
    outgoing payphone phone provided samtale samtal session saatavilla sans sin soittajan specified spesifisert \
    telefon telefonnummer test the tiedossa tilgjengelig tillgänglig tilgængelig toll tuntemattomasta uden \
    unbekannten utan uten verfügbar web whatsapp wireless utgående inngående inkommande saapuva lähtevä ausgehender \
    eingehender udgående indgående rufnummer teléfono telefono téléphone numer appel appelant llamada chiamata opkald \
    oppringning telefonsamtale telefonsamtal puhelu sms skype messenger facebook instagram teams slack discord \
    telegram signal viber website mail email noreply user";

/// Words that say that there is nothing.
const DENIALS: &str = "ei ej ikke ingen inget inte kein keine no not ohne utan uten";

/// Words for visitors and users that a system counts because it cannot name them.
const COUNTED: &str = "besucher besøgende besøkende besökare bruger bruker användare chat client gast gjest guest gæst \
    gäst id kävijä käyttäjä lead participant session speaker spk user vierailija vieras visitor";

/// Words for customers, who have numbers in the books of a company.
const NUMBERED: &str = "kunde kunden kund kundin customer client klient klienten asiakas klant cliente patient patienten pasient \
    pasienten potilas";

/// The lists that have a word, a bit for each.
#[derive(Clone, Copy, Default)]
struct Lists(u8);

impl Lists {
    const WITHHELD: Self = Self(1);
    const ROLES: Self = Self(2);
    const BESIDE: Self = Self(4);
    const DENIALS: Self = Self(8);
    const COUNTED: Self = Self(16);
    const NOBODY: Self = Self(Self::WITHHELD.0 | Self::ROLES.0 | Self::BESIDE.0);

    /// The lists of a word in lower case.
    fn of(word: &str) -> Self {
        static LISTS: LazyLock<HashMap<&str, Lists>> = LazyLock::new(|| {
            let mut lists = HashMap::<_, Lists>::new();
            for (list, words) in [
                (Lists::WITHHELD, WITHHELD),
                (Lists::ROLES, ROLES),
                (Lists::BESIDE, BESIDE),
                (Lists::DENIALS, DENIALS),
                (Lists::COUNTED, COUNTED),
            ] {
                words.split(' ').for_each(|word| lists.entry(word).or_default().0 |= list.0);
            }
            lists
        });
        LISTS.get(word).copied().unwrap_or_default()
    }

    const fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// Whether a field says that there is no identifier (A17): it is empty, has no letter and no digit other than 0, or
/// only has words for what is withheld, such as `Hemligt nummer` or `"Anonymous"`.
#[must_use]
pub fn is_withheld(raw: &str) -> bool {
    // The words of an address with a whole host are a name, also those of `private@client.no`.
    if raw.rsplit_once('@').is_some_and(|(_, host)| host.contains('.')) {
        return false;
    }
    if is_keypad_word(raw) || !raw.chars().any(|c| c.is_alphanumeric() && c != '0') {
        return true;
    }
    if raw.chars().any(|c| crate::digit(c).is_some()) {
        return false;
    }
    let mut says_so = raw.eq_ignore_ascii_case("n/a");
    let only_words = all_words(raw, |lists| {
        says_so |= lists.meets(Lists(Lists::WITHHELD.0 | Lists::DENIALS.0));
        lists.meets(Lists::NOBODY)
    });
    only_words && says_so
}

/// Whether a field that should be a name names nobody: it has words for what is withheld, for a role, or for a call
/// only. A role may have a number of its own, as in `Visitor 4711` or `spk_0`.
#[must_use]
pub fn is_nobody(raw: &str) -> bool {
    all_words(raw, |lists| lists.meets(Lists::NOBODY))
}

/// Whether a label says a role or a number only: `Agent`, `Speaker 1`, `spk_0`.
pub(crate) fn is_role(label: &str) -> bool {
    all_words(label, |lists| lists.meets(Lists(Lists::ROLES.0 | Lists::WITHHELD.0)))
}

/// Whether the digits of a field count what a system could not name, as in `Visitor 4711`: they are no phone number.
pub(crate) fn is_counter(raw: &str) -> bool {
    is_nobody(raw) && !all_words(raw, |lists| !lists.meets(Lists::COUNTED))
}

/// Whether the digits of a name count what a system could not name, or are a customer's number in the books: `Kunde 98765432`.
pub(crate) fn is_numbered(raw: &str) -> bool {
    let has_customer = || raw.to_lowercase().split(|c: char| !c.is_alphabetic()).any(|word| is_in(NUMBERED, word));
    is_counter(raw) || is_nobody(raw) && has_customer()
}

/// The digits that a telephone keypad makes of the words that some carriers and Twilio send for a withheld number.
const KEYPAD: [&str; 3] = ["266696687", "7378742833", "86282452253"];

/// Shorter ones are somebody's number in some country, so they count only behind a `+`, where no number is like them.
const KEYPAD_AFTER_PLUS: [&str; 6] = ["2562533", "443336", "464", "7748283", "8656696", "94844353"];

/// Whether a number only spells a word for what is withheld: ANONYMOUS, RESTRICTED, UNAVAILABLE, and, behind a `+`,
/// BLOCKED, HIDDEN, PRIVATE, UNKNOWN, or WITHHELD.
fn is_keypad_word(raw: &str) -> bool {
    let raw = raw.trim();
    let is_number = |c: char| crate::digit(c).is_some() || crate::is_separator(c) || c == '+';
    if raw.len() > 40 || !raw.chars().all(is_number) {
        return false;
    }
    let digits: String = raw.chars().filter_map(crate::digit).collect();
    let bare = digits.strip_prefix("00").unwrap_or(&digits);
    let is_international = raw.starts_with('+') || bare.len() < digits.len();
    // Some carriers put the country code of North America before it.
    let without_code = bare.strip_prefix('1').unwrap_or(bare);
    KEYPAD.contains(&bare) || KEYPAD.contains(&without_code) || is_international && KEYPAD_AFTER_PLUS.contains(&bare)
}

/// The fewest digits of such a word that is no short number of a company.
const LONG_WORD: usize = 7;

/// Whether digits with nothing before them spell such a word. They may be somebody's number in a country.
pub(crate) fn may_be_keypad_word(raw: &str) -> bool {
    raw.len() >= LONG_WORD && KEYPAD_AFTER_PLUS.contains(&raw)
}

/// Whether a word is one of a list.
pub(crate) fn is_in(list: &str, word: &str) -> bool {
    list.split(' ').any(|one| one == word)
}

/// Whether the lists of each word of a text are such. A text without a word has none of other lists.
fn all_words(text: &str, mut are_such: impl FnMut(Lists) -> bool) -> bool {
    let text = text.to_lowercase();
    text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).all(|word| are_such(Lists::of(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Phone;

    #[test]
    fn a_field_can_say_that_there_is_no_identifier() {
        for raw in [
            "",
            " ",
            "-",
            "?",
            "0",
            "0000000000",
            "n/a",
            "Anonymous",
            "\"Unknown\"",
            "<unknown>",
            "Number withheld",
            "No Caller ID",
            "Caller ID not available",
            "Skjult nummer",
            "Ukjent innringer",
            "Hemligt nummer",
            "Okänd uppringare",
            "Ukendt nummer",
            "Hemmeligt nummer",
            "Tuntematon soittaja",
            "Salainen numero",
            "Unbekannter Anrufer",
            "Nummer unterdrückt",
            "Numéro masqué",
            "Número oculto",
            "Anonymized",
            "null",
        ] {
            assert!(is_withheld(raw), "{raw}");
        }
        for raw in ["Privat Olsen", "Anonymous Jones", "Kari", "98765432", "1001", "Customer", "Ingen Hansen"] {
            assert!(!is_withheld(raw), "{raw}");
        }
    }

    #[test]
    fn a_word_for_a_role_or_a_call_is_nobodys_name() {
        for raw in [
            "Customer",
            "Kunde",
            "Visitor 4711",
            "Gäst",
            "Besøkende 12",
            "WIRELESS CALLER",
            "Outbound Call",
            "Name Unavailable",
            "ikke oppgitt",
            "Kein Name",
            "Ei nimeä",
            "spk_0",
            "Anonym besökare",
            "End User",
            "Slack user",
            "Teams bruker",
            "Klient",
            "Patient 12",
            "Potilas",
            "Prospect",
            "Passenger",
            "Passagerare",
            "Noname",
            "ch_0",
            "Klant",
            "Cliente",
            "Besökande",
            "Bezoeker",
            "Visiteur",
            "Usuario",
            "Utente",
            "Gebruiker",
            "Utilisateur",
            "Użytkownik",
            "Invité",
            "Conference",
            "Queue",
        ] {
            assert!(is_nobody(raw), "{raw}");
        }
        for raw in ["Kari Call", "Agent Smith", "Kunde Nordmann", "Ola", "Teams Hansen", "Patient Lie"] {
            assert!(!is_nobody(raw), "{raw}");
        }
        assert!(is_counter("Visitor 98765432") && is_counter("user_98765432"));
        assert!(!is_counter("Caller 98765432") && !is_counter("Kari 98765432"));
    }

    #[test]
    fn keypad_words_are_withheld_and_no_numbers_like_them() {
        for raw in [
            "+266696687",
            "266696687",
            "00266696687",
            "+1 266696687",
            "+7378742833",
            "+17378742833",
            "+86282452253",
            "+2562533",
            "+8656696",
            "+86 566 96",
            "+464",
        ] {
            assert!(is_withheld(raw), "{raw}");
        }
        for raw in ["+862824522531", "+46266696688", "8656696", "2562533", "+4798765432"] {
            assert!(!is_withheld(raw), "{raw}");
        }
        // A short one with a `+` before it is nobody's number.
        for word in KEYPAD_AFTER_PLUS {
            assert!(Phone::parse_valid(&format!("+{word}"), "NO".parse().unwrap()).is_none(), "{word}");
        }
    }
}
