//! Addresses and names.

use super::*;

#[test]
fn addresses_in_any_surroundings() {
    check(
        &in_region("NO"),
        &[
            ("Skriv til bob.test+x@MyTest.NO.", "Skriv til <bob.test+x@mytest.no>."),
            ("<kari@x.no>, (ola@y.se); \"per@z.de\"", "<<kari@x.no>>, (<ola@y.se>); \"<per@z.de>\""),
            ("mailto:kari@x.no?subject=hei", "mailto:<kari@x.no>?subject=hei"),
            ("kari@blåbær.no!", "<kari@xn--blbr-roah.no>!"),
            ("jörg@münchen.de", "<jörg@xn--mnchen-3ya.de>"),
            ("https://x.no/?mail=kari@x.no&a=1", "https://x.no/?mail=<kari@x.no>&a=1"),
            ("mail=kari%40x.no", "mail=<kari@x.no>"),
            ("kari＠x.no", "<kari@x.no>"),
            ("*kari@x.no* _ola@x.no_ 'per@x.no'", "*<kari@x.no>* _<ola@x.no>_ '<per@x.no>'"),
            ("o'brien@x.ie", "<o'brien@x.ie>"),
            ("98765432@sms.no", "<98765432@sms.no>"),
            ("kari@x.no.Ring meg", "<kari@x.no>.Ring meg"),
            ("a@x.no,b@x.no;c@x.no", "<a@x.no>,<b@x.no>;<c@x.no>"),
            ("kari\u{200b}@x.no", "<kari@x.no>"),
            ("10 stk @ 5 kr, @kari, kari@, @x.no, a@b, 50%40", "10 stk @ 5 kr, @kari, kari@, @x.no, a@b, 50%40"),
            ("a@@b.no @@@", "a@@b.no @@@"),
        ],
    );
}

#[test]
fn the_own_address_counts_with_more_around_it() {
    let own = |address| Own { email: Some(Email::parse(address).unwrap()), ..Own::default() };
    check(
        &Finder::new(region("NO"), own("a=b@x.no")),
        &[("send a=b@x.no", "send <a=b@x.no>"), ("c=d@x.no", "c=<d@x.no>")],
    );
    check(
        &Finder::new(region("NO"), own("kari@x.no")),
        &[
            ("kari@x.no.ring meg", "<kari@x.no>.ring meg"),
            ("KARI@X.NO", "<kari@x.no>"),
            ("id=kari@x.no", "id=<kari@x.no>"),
            ("minkari@x.no, min.kari@x.no", "<minkari@x.no>, <min.kari@x.no>"),
        ],
    );
}

#[test]
fn a_longer_address_is_somebody_else() {
    let own = Own { email: Some(Email::parse("kn@example.no").unwrap()), ..Own::default() };
    let finder = Finder::new(region("NO"), own);
    for other in [
        "xkn@example.no",
        "a.kn@example.no",
        "kn@example.no.uk",
        "KN@example.no.com",
        "kn@example.no.mail.se",
        "kn@example.nordic",
        "kn@example.no-reply.com",
        "kn@sub.example.no",
    ] {
        assert_eq!(seen(&finder, other), format!("<{}>", other.to_lowercase()));
        assert_eq!(seen(&finder, &format!("Skriv til {other}.")), format!("Skriv til <{}>.", other.to_lowercase()));
    }
    check(
        &finder,
        &[
            ("Skriv til kn@example.no.", "Skriv til <kn@example.no>."),
            ("kn@example.no.Takk", "<kn@example.no>.Takk"),
            ("kn@example.no.og ring", "<kn@example.no>.og ring"),
            ("kn@example.no...", "<kn@example.no>..."),
            ("kn@example.no-Kari", "<kn@example.no>-Kari"),
            ("kn@example.no-ola@example.se", "<kn@example.no>-<ola@example.se>"),
            ("(kn@example.no)", "(<kn@example.no>)"),
            ("mailto:kn%40example.no", "mailto:<kn@example.no>"),
        ],
    );
}

#[test]
fn the_own_name_in_any_order_case_and_accent() {
    check(
        &kari(),
        &[
            ("Hei Kari Nordmann!", "Hei <name>!"),
            ("Nordmann, Kari ringte", "<name> ringte"),
            ("KARI ringte, så ringte nordmann.", "<name> ringte, så ringte <name>."),
            ("Kåri Nördmann", "<name>"),
            ("Kari-Nordmann", "<name>"),
            ("Karis bil, Karianne, MakKari, kari1", "Karis bil, Karianne, MakKari, kari1"),
            ("Kari's bil", "<name>'s bil"),
            ("kari_n", "<name>_n"),
            ("Ka\u{ad}ri", "<name>"),
            ("ＫＡＲＩ", "<name>"),
            ("Kari Hansen", "<name> Hansen"),
            ("kari.nordmann@eksempel.no fra Kari", "<kari.nordmann@eksempel.no> fra <name>"),
            ("kari@annet.no", "<kari@annet.no>"),
            ("Kari 98765432", "<name> <+4798765432>"),
        ],
    );
    let named = |name| Finder::new(region("NO"), Own { name: PersonName::parse(name).ok(), ..Own::default() });
    check(&named("Bo Li"), &[("Bo og Li bor her", "Bo og Li bor her"), ("li, bo", "<name>"), ("Bo Li", "<name>")]);
    check(
        &named("Søren Møller-Åkesson"),
        &[("soren moeller", "<name>"), ("Soeren, AKESSON", "<name>"), ("Aakesson", "<name>")],
    );
    check(&named("Mueller"), &[("Frau Müller", "Frau <name>"), ("Muller", "<name>")]);
    check(&named("Kari de la Cruz"), &[("sa Kari de kom", "sa <name> de kom"), ("Kari de la Cruz de", "<name> de")]);
    check(&named("Łukasz Weiß"), &[("lukasz WEISS", "<name>")]);
    check(&named("Анна Иванова"), &[("звонила АННА Иванова.", "звонила <name>.")]);
    check(&named("-"), &[("- . -", "- . -")]);
}
