//! Words for a party, a side, or the direction of a call: `destination`, `external`, `inbound`, `B`. A number beside one
//! is the number of a phone: `destinationNumber`, `external_number`, `B-nummer`.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::LazyLock;

use crate::text::words::Quick;

/// Such words, in small letters. Between one and the word for a number, an `s` may be: `destinationsnummer`.
const PARTIES: &str = "a b c caller calling called callee sender recipient receiver originator originating origination \
    original destination dest source target party remote peer external internal inbound outbound incoming outgoing \
    terminating termination terminator redirecting redirected redirection redirect forwarded forwarding forward \
    transferred transferring transfer transferee addressable presented presentation displayed display diverted \
    diverting diversion deflected dst src did ddi subscriber connected answered missed blocked participant \
    line toll free tollfree dialed dialled dialing local user other alternate alternative primary secondary \
    main new old previous current reply verified kundens medlemmets brukerens innringer \
    innringers oppringer mottaker mottakers avsender avsenders destinasjon kilde ekstern eksternt intern internt \
    innkommende utgående opprinnelig alternativt primær sekundær uppringare mottagare avsändare avsändar mottagar destination källa extern \
    externt inkommande utgående ursprunglig alternativ sekundär användarens medlemmens modtager afsender udgående \
    indgående oprindelig brugerens ziel quell quelle absender empfänger anrufer gegenstelle gegenstellen teilnehmer ersatz externe interne \
    eingehende ausgehende weitergeleitete kohde siirto asiakkaan jäsenen käyttäjän vastaanottaja vastaanottajan lähettäjä lähettäjän lähde ulkoinen \
    sisäinen saapuva lähtevä vara ontvanger afzender bestemming bron inkomend uitgaand appelant appelé destinataire \
    expéditeur entrant sortant destinatario remitente origen destino entrante saliente mittente chiamante";

static PARTY_WORDS: LazyLock<HashSet<&str, BuildHasherDefault<Quick>>> =
    LazyLock::new(|| PARTIES.split_ascii_whitespace().collect());

/// Whether a word in small letters is for a party, a side, or the direction of a call.
pub(in crate::text) fn is_party(word: &str) -> bool {
    let is_one = |word: &str| PARTY_WORDS.contains(word);
    is_one(word) || word.strip_suffix('s').is_some_and(is_one)
}
