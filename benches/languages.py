"""The talk of contact centres in six languages, and how their people write and say numbers and addresses.

`{n}` is a number, `{a}` an address, `{f}` a figure that is neither."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Language:
    region: str
    roles: tuple           # The names of the agent and of the customer in a transcript.
    talk: tuple            # Turns without an identifier.
    figures: tuple         # Turns with a figure that is no number.
    phone: tuple           # Turns with a number.
    address: tuple         # Turns with an address.
    yes: tuple             # The agent's assent while a number is told.
    fillers: tuple         # Words between the parts of a number.
    labels: tuple          # Words before the parts of a number.
    digits: tuple          # The words of 0 to 9.
    tens: dict             # The words of 20 to 90, if numbers are told in pairs.
    at: tuple              # Words for @.
    dot: str
    code: str              # The country code.
    trunk: str             # The digits before a national number.
    networks: tuple        # The first digits of its numbers, and how many follow.
    groups: tuple          # The ways to group a national number, with its trunk prefix.


LANGUAGES = {
    "nb": Language(
        region="NO", roles=("Agent", "Kunde"),
        talk=("Hei, og velkommen til kundeservice. Hva kan jeg hjelpe med?", "Et øyeblikk, så skal jeg se på saken din.",
              "Det har aldri skjedd før, jeg har vært kunde i mange år.", "Vi ordner det med en gang.", "Takk for hjelpen!"),
        figures=("Fakturaen er på {f}.", "Saken fikk {f} i systemet.", "Det står {f} på kvitteringen.", "Levering {f}, er det greit?"),
        phone=("Du når meg på {n} hele dagen.", "Nummeret mitt er {n}.", "Ring {n} etter jobb.", "Mobilen er {n}, takk."),
        address=("Send bekreftelsen til {a}, er du snill.", "E-postadressen min er {a}.", "Epost: {a}"),
        yes=("ja", "mhm", "ok", "den er grei"), fillers=("eh", "og", "så", "vent litt", "ja"), labels=("første del", "så kommer"),
        digits=("null", "en", "to", "tre", "fire", "fem", "seks", "sju", "åtte", "ni"),
        tens={2: "tjue", 3: "tretti", 4: "førti", 5: "femti", 6: "seksti", 7: "sytti", 8: "åtti", 9: "nitti"},
        at=("krøllalfa", "alfakrøll"), dot="punktum", code="47", trunk="",
        networks=(("40", 6), ("41", 6), ("46", 6), ("90", 6), ("92", 6), ("95", 6), ("98", 6), ("22", 6), ("55", 6)),
        groups=((3, 2, 3), (2, 2, 2, 2), (8,))),
    "sv": Language(
        region="SE", roles=("Agent", "Kund"),
        talk=("Hej och välkommen till kundtjänst, vad kan jag hjälpa dig med?", "Ett ögonblick så ska jag titta på ärendet.",
              "Det låter inte bra, jag förstår att du är besviken.", "Vi ordnar det direkt.", "Tack så mycket för hjälpen!"),
        figures=("Fakturan är på {f}.", "Ärendet fick {f} hos oss.", "Det står {f} på kvittot.", "Leverans {f}, går det bra?"),
        phone=("Jag nås på {n} under dagen.", "Mitt nummer är {n}.", "Ring {n} efter jobbet.", "Mobilen är {n}, tack."),
        address=("Skicka det gärna till {a}.", "Min e-postadress är {a}.", "Mejl: {a}"),
        yes=("ja", "mm", "okej", "precis"), fillers=("öh", "och", "sedan", "vänta lite", "ja"), labels=("första delen", "sen kommer"),
        digits=("noll", "ett", "två", "tre", "fyra", "fem", "sex", "sju", "åtta", "nio"),
        tens={2: "tjugo", 3: "trettio", 4: "fyrtio", 5: "femtio", 6: "sextio", 7: "sjuttio", 8: "åttio", 9: "nittio"},
        at=("snabel-a", "snabela"), dot="punkt", code="46", trunk="0",
        networks=(("70", 7), ("72", 7), ("73", 7), ("76", 7), ("79", 7), ("8", 8)),
        groups=((3, 3, 2, 2), (4, 2, 2, 2), (3, 7), (10,))),
    "da": Language(
        region="DK", roles=("Agent", "Kunde"),
        talk=("Hej, og velkommen til kundeservice. Hvad kan jeg hjælpe med?", "Lige et øjeblik, så slår jeg det op.",
              "Det beklager jeg meget.", "Vi retter det med det samme.", "Mange tak for hjælpen og fortsat god dag!"),
        figures=("Regningen lyder på {f}.", "Sagen fik {f} hos os.", "Der står {f} på kvitteringen.", "Levering {f}, er det i orden?"),
        phone=("I kan træffe mig på {n} hele dagen.", "Mit nummer er {n}.", "Ring {n} efter arbejde.", "Mobilen er {n}, tak."),
        address=("Send den gerne til {a}, tak.", "Min mailadresse er {a}.", "Mail: {a}"),
        yes=("ja", "mm", "okay", "javel"), fillers=("øh", "og", "så", "vent lidt", "ja"), labels=("første del", "så kommer"),
        digits=("nul", "en", "to", "tre", "fire", "fem", "seks", "syv", "otte", "ni"),
        tens={}, at=("snabel-a", "snabela"), dot="punktum", code="45", trunk="",
        networks=(("26", 6), ("27", 6), ("28", 6), ("67", 6), ("96", 6)),
        groups=((2, 2, 2, 2), (4, 4), (8,))),
    "en": Language(
        region="GB", roles=("Agent", "Customer"),
        talk=("Good morning, thank you for calling, how can I help you today?", "One moment please, I am looking that up for you.",
              "I do understand, and I am sorry about that.", "We will put that right at once.", "Thanks a lot for your patience."),
        figures=("The invoice is for {f}.", "The case got {f} from us.", "It says {f} on the receipt.", "Delivery {f}, is that all right?"),
        phone=("You can reach me on {n} any time.", "My number is {n}.", "Call {n} after work.", "The mobile is {n}, thanks."),
        address=("Could you send it to {a} please?", "My email address is {a}.", "Email: {a}"),
        yes=("yes", "mm-hm", "okay", "go on"), fillers=("uh", "and", "then", "hold on", "yeah"), labels=("first part", "followed by"),
        digits=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
        tens={2: "twenty", 3: "thirty", 4: "forty", 5: "fifty", 6: "sixty", 7: "seventy", 8: "eighty", 9: "ninety"},
        at=("at",), dot="dot", code="44", trunk="0",
        networks=(("7400", 6), ("7710", 6), ("7912", 6), ("7533", 6), ("2079", 6), ("1615", 6)),
        groups=((5, 6), (5, 3, 3), (11,))),
    "fi": Language(
        region="FI", roles=("Agentti", "Asiakas"),
        talk=("Hei ja tervetuloa asiakaspalveluun, miten voin auttaa?", "Hetki vain, niin katson asiaa.",
              "Olen ollut asiakas monta vuotta.", "Hoidamme asian heti.", "Kiitos paljon avusta!"),
        figures=("Lasku on {f}.", "Asia sai {f} meillä.", "Kuitissa lukee {f}.", "Toimitus {f}, sopiiko?"),
        phone=("Minut tavoittaa numerosta {n} koko päivän.", "Numeroni on {n}.", "Soita {n} töiden jälkeen.", "Kännykkä on {n}, kiitos."),
        address=("Lähetä se osoitteeseen {a}, kiitos.", "Sähköpostini on {a}.", "Sähköposti: {a}"),
        yes=("joo", "kyllä", "okei", "selvä"), fillers=("öö", "ja", "sitten", "hetkinen", "niin"), labels=("alkuosa", "sitten tulee"),
        digits=("nolla", "yksi", "kaksi", "kolme", "neljä", "viisi", "kuusi", "seitsemän", "kahdeksan", "yhdeksän"),
        tens={}, at=("ät", "miukumauku"), dot="piste", code="358", trunk="0",
        networks=(("40", 7), ("50", 7), ("44", 7), ("45", 7), ("41", 7)),
        groups=((3, 3, 4), (3, 7), (3, 3, 2, 2), (10,))),
    "de": Language(
        region="DE", roles=("Agent", "Kunde"),
        talk=("Guten Tag, wie kann ich Ihnen helfen?", "Einen Moment bitte, ich schaue kurz nach.",
              "Das ist mir noch nie passiert.", "Das bringen wir sofort in Ordnung.", "Vielen Dank für die Hilfe!"),
        figures=("Die Rechnung lautet auf {f}.", "Der Fall bekam {f} bei uns.", "Auf dem Beleg steht {f}.", "Lieferung {f}, passt das?"),
        phone=("Sie erreichen mich unter {n} den ganzen Tag.", "Meine Nummer ist {n}.", "Rufen Sie {n} an.", "Mobil: {n}, danke."),
        address=("Schicken Sie es bitte an {a}.", "Meine E-Mail-Adresse ist {a}.", "Mail: {a}"),
        yes=("ja", "mhm", "gut", "genau"), fillers=("äh", "und", "dann", "Moment", "also"), labels=("erster Teil", "danach kommt"),
        digits=("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
        tens={}, at=("at", "Klammeraffe"), dot="Punkt", code="49", trunk="0",
        networks=(("151", 8), ("157", 8), ("159", 8), ("170", 7), ("175", 7), ("30", 8)),
        groups=((4, 7), (4, 3, 2, 2), (11,))),
}
