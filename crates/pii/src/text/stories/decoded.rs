//! The encodings of a text: escapes, mark-up, and transfer encodings.

use super::*;

#[test]
fn an_escape_is_none_of_an_identifier() {
    let finder = in_region("NO");
    check(
        &finder,
        &[
            (r"hei\nkari@x.no\n98765432", r"hei\n<kari@x.no>\n<+4798765432>"),
            (r"\tkari@x.no", r"\t<kari@x.no>"),
            (r"\u003ckari@x.no\u003e", r"\u003c<kari@x.no>\u003e"),
            (r"\u002b4798765432", "<+4798765432>"),
            ("%3Ckari@x.no%3E", "%3C<kari@x.no>%3E"),
            ("%2B4798765432", "<+4798765432>"),
            ("&lt;kari@x.no&gt;", "&lt;<kari@x.no>&gt;"),
            ("&quot;ola@y.se&quot;", "&quot;<ola@y.se>&quot;"),
            ("&#43;4798765432", "<+4798765432>"),
            ("=3Ckari@x.no=3E", "=3C<kari@x.no>=3E"),
            ("to=kari%40x.no&x=1", "to=<kari@x.no>&x=1"),
            (r"C:\new\98765432", r"C:\new\<+4798765432>"),
        ],
    );
}

#[test]
fn markup_and_encodings_do_not_hide_an_identifier() {
    for text in [
        "98<b>76</b>54 32",
        "<span>98</span><span>76</span><span>54</span><span>32</span>",
        "9&#56;765432",
        "98&nbsp;76&nbsp;54&nbsp;32",
        "98&#160;76&#xA0;54 32",
        "98%2076%2054%2032",
        "98=2076=2054=2032",
        "9876=\r\n5432",
        r"98\u00a076\u00a054\u00a032",
        r"9876\n5432",
        "**98**76**5432**",
        "98 76<br>54 32",
        "<td>98</td><td>76</td><td>54</td><td>32</td>",
        "cmluZyA5ODc2NTQzMiBuw6U=",
        "=?utf-8?Q?ring_98_76_54_32?=",
        "=?UTF-8?B?cmluZyA5ODc2NTQzMiBuw6U=?=",
        "<!-- 98 -->98765432",
    ] {
        let seen = seen(&kari(), text);
        let left: String = seen.replace("<+4798765432>", "").chars().filter(char::is_ascii_digit).collect();
        assert!(seen.contains("<+4798765432>") && !left.contains("5432"), "{text:?} {seen:?}");
    }
    for text in [
        "kari&#46;nordmann&#64;eksempel&#46;no",
        "kari.nordmann=40eksempel.no",
        "kari%2Enordmann%40eksempel%2Eno",
        "<b>kari.nordmann</b>@eksempel.no",
        r"kari.nordmann\u0040eksempel.no",
        "a2FyaS5ub3JkbWFubkBla3NlbXBlbC5ubw==",
        "=?iso-8859-1?Q?kari.nordmann=40eksempel.no?=",
        "kari.nordm=\nann@eksempel.no",
        "kari.nordmann<wbr>@<wbr>eksempel.no",
    ] {
        let seen = seen(&kari(), text);
        assert!(seen.contains("<kari.nordmann@eksempel.no>"), "{text:?} {seen:?}");
    }
    for text in ["Kari&nbsp;Nordmann", "K&aring;ri Nordmann", "=?utf-8?Q?Kari_Nordmann?=", "S2FyaSBOb3JkbWFubg=="] {
        assert!(seen(&kari(), text).contains("<name>"), "{text:?} {:?}", seen(&kari(), text));
    }
}

#[test]
fn other_numbers_are_found_in_mark_up_and_cells_are_not_joined() {
    check(
        &in_region("NO"),
        &[
            ("<a href=\"tel:+4798765432\">98 76 54 32</a>", "<a href=\"tel:<+4798765432>\"><+4798765432></a>"),
            ("<td>12</td><td>2233</td><td>4455</td>", "<td>12</td><td>2233</td><td>4455</td>"),
            ("100%25 av 22", "100%25 av 22"),
        ],
    );
}

/// Programming languages write signs in other ways than JSON.
#[test]
fn escapes_of_programming_languages() {
    check(
        &kari(),
        &[
            (r"\x3ckari.nordmann@eksempel.no\x3e", r"\x3c<kari.nordmann@eksempel.no>\x3e"),
            (r"e-post:\xa0kari.nordmann@eksempel.no", r"e-post:\xa0<kari.nordmann@eksempel.no>"),
            (r"\u{3c}kari.nordmann@eksempel.no", r"\u{3c}<kari.nordmann@eksempel.no>"),
            (r"\074kari.nordmann@eksempel.no\076", r"\074<kari.nordmann@eksempel.no>\076"),
            (r"kari.nordmann\x40eksempel.no", "<kari.nordmann@eksempel.no>"),
            (r"kari.nordmann\u{0040}eksempel.no", "<kari.nordmann@eksempel.no>"),
            (r"kari.nordmann\100eksempel.no", "<kari.nordmann@eksempel.no>"),
            (r"98\xa076\xC2\xA054\x2032", "<+4798765432>"),
            (r"K\xc3\xa5ri \\x3c98765432", r"<name> \\x3c<+4798765432>"),
            // These are no escapes.
            (r"C:\98765432", r"C:\<+4798765432>"),
            (r"\u{110000}98765431", r"\u{110000}<+4798765431>"),
            (r"\xyz 98765431 \07", r"\xyz <+4798765431> \07"),
        ],
    );
    check(&in_region("US"), &[(r"C:\12125550123", r"C:\<+12125550123>")]);
}
