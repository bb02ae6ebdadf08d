//! The vocabulary of things: what has a number, what may own one, and what is a phone.

/// Words for things that have numbers, in small letters. A word may have an ending.
pub(super) const THINGS: &str = "order ordre ordren bestilling bestillingen beställning sak saken sag sagen ärende ärendet case \
    ticket ref reference referanse referansen referens referensen faktura fakturaen fakturan invoice \
    regning kvittering kvitto avtale polise police försäkring forsikring vakuutus versicherung policy \
    claim skade skada sporing spårning tracking shipment forsendelse sendung tilaus tilauksen viite \
    lasku laskun auftrag bestellung rechnung vorgang aktenzeichen booking reservation pnr po bilag cvr \
    orgnr kid ocr isbn issn ean gtin gln artikel produkt sku build commit issue job jobb batch serial \
    account contract kontrakt vertrag sopimus sopimuksen avtal abonnement abonnemang gavekort \
    presentkort gutschein lahjakortti voucher kupong kupon kode kod code koodi pin puk asia diarie \
    diaari journal viite zahlungsreferenz verwendungszweck geschäftszeichen az gz fik målerstand \
    mätarställning zählerstand mittarilukema session model trace amount beløp beløbet belopp betrag \
    summa summe total totalt sum balance saldo commande facture contrat colis suivi référence compte \
    siret siren tva bestelling factuur zaak dossier zending kvk btw rekening pedido factura envío \
    seguimiento contrato cuenta caso referencia nif ordine fattura spedizione contratto pratica conto \
    iva zamówienie zamówienia faktury sprawa sprawy przesyłka przesyłki umowa umowy konta nip regon \
    pesel vare varer varan modell modellen modelo transaksjon transaktion transaction transacción token \
    tokenet konto kontoen lån lånet loan reservasjon reservasjonen reservering reservierung billett billetten biljett \
    biljetten billet lippu versjon versjonen version passord passordet lösenord kodeord password \
    passwort salasana brukernavn brukernavnet användarnamn brugernavn username benutzername \
    käyttäjätunnus antall antal anzahl quantity qty count lukumäärä pakke pakken paket paketet paketti \
    package colli kolli rma sn pn imei meter oppdrag oppdraget uppdrag opgave opgaven reklamasjon \
    reklamation size bytes offset hash checksum sha etag réf série referentie pakket zendingen \
    expediente póliza albarán albaran reserva siniestro incidencia zgłoszenie zgłoszenia reklamacja \
    reklamacji paczka paczki polisa polisy zlecenie zlecenia encomenda fatura processo referência \
    apólice sinistro codice codigo código medlem artikkel ord fakt måler lisens retur serienr";

/// More words for what is sent.
pub(super) const SENT: [&str; 2] = ["parcel", "parcels"];

/// Words for what has a number, and is no thing by itself: a figure behind them counts only with `number` or `id`
/// between them.
pub(super) const OWNERS: &str = "kunde kunden kund customer client klient asiakas asiakkaan medlem member mitglied jäsen jäsenen user \
    bruger bruker användare benutzer käyttäjä konto kontoen meeting møte møde möte kokous part model \
    modell modellen confirmation transaksjon transaction transaktion tapahtuma session patient employee \
    ansatt student elev device enhet laite gerät måler mätare zähler mittari kort card passport licence \
    license vehicle room registration membership bestell klant cliente klienta betaling betalning \
    payment zahlung maksu vare varer varan oppdrag uppdrag opgave låne lån del dele deler art artikkel \
    artikkelen pakke paket paketet meldings melding meldung serie série billett biljett ticket \
    reservasjon versjon passord antall serial item encomenda processo zlecenia zgłoszenia flight lot \
    house page row sequence tax vat routing security insurance badge receipt asset seat permit visa \
    plate docket matter incident problem id identification identity document folio certificate chassis \
    engine agreement quote quotation delivery consignment waybill shipping reservation version revision";

/// The beginnings and ends of words for phones, for where they are, for whose they are, and for what is called.
pub(super) const PHONES: &str = "tlf tel tele phone telefon mob mobil handy cell puh puhelin matkap gsm fax faks sms whatsapp signal \
    sip voip ring ruf rück call anrop opkald sentral central zentral växel direkt direct durchwahl \
    privat private hjem heim hem home koti jobb arbeid arbeits arbets arbejd work työ kontor office büro \
    dienst geschäft firma kontakt contact yhtey vakt vagt wacht nød nöd not hätä emergency service \
    support land rikt retning område vorwahl area country reserv fest fast lanka hytte mor far kone mann \
    sjef chef from to my min mitt oma eget ny nytt neue uusi feil fel forkert falsch skjult hemmelig \
    hemlig geheim salai ukjent okän ukendt norsk svensk dansk ringings ringnings koblings koplings \
    kopplings omstillings viderestillings visnings soitto notfall nödfall nødfalls lokal terugbel \
    doorkies doorschakel nood umleit weiterleit rufumleitung utenland udland utland ausland ulkom gratis \
    hjelp hjälp hjælp info tip";
