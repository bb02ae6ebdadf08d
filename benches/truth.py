"""Texts of contact centres whose identifiers are known, made from a seed: transcripts, chats, and e-mails in six languages.

Every text has one way of writing, which `WAYS` names. `figures` makes texts in which nothing is a number."""

import base64
import html
import json
import quopri
import random
import urllib.parse
import uuid

from languages import LANGUAGES

# The ways in which an own identifier is written. They have no number of another person's beside them.
PHONE_WAYS = ("spelled", "spoken", "lines", "tags", "turns", "fillers", "annotations", "times", "labels",
              "entities", "percent", "escapes", "transfer", "base64", "scripts")
ADDRESS_WAYS = ("spelled", "spoken", "lines", "tags", "turns", "fillers", "annotations",
                "entities", "percent", "escapes", "transfer", "base64", "encoded words")
FIGURES = ("uuid", "timestamp", "price", "score", "token ids", "date", "order", "hours", "version")
LOOKS = ("transcript", "chat", "mail")
GIVEN = ("kari", "ola", "astrid", "mats", "lise", "jens", "mary", "john", "aino", "pekka", "greta", "uwe")
FAMILY = ("nordmann", "lund", "berg", "holm", "dahl", "krogh", "smith", "brown", "laine", "virtanen", "weber", "koch")
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.no", "eksempel.no", "exempel.se", "beispiel.de")


class Number:
    """A number that its country could assign."""

    def __init__(self, language, rng):
        network, more = rng.choice(language.networks)
        national = network + "".join(rng.choices("0123456789", k=more))
        self.e164, self.code = f"+{language.code}{national}", language.code
        self.national = language.trunk + national
        fitting = [groups for groups in language.groups if sum(groups) == len(self.national)]
        self.groups = rng.choice(fitting or [(len(self.national),)])

    def parts(self, groups=None):
        """The national number in groups, of two digits at least where there is one group only."""
        groups, left, parts = groups or self.groups, self.national, []
        for length in groups:
            parts.append(left[:length])
            left = left[length:]
        return [part for part in [*parts, left] if part]

    def spelled(self, rng):
        sign = rng.choice((" ", " ", "-", "."))
        national = sign.join(self.parts())
        abroad = sign.join(self.parts()).removeprefix("0") if self.national[0] == "0" else national
        return rng.choice((national, national, f"+{self.code} {abroad}", f"00{self.code} {abroad}", self.e164,
                           f"(+{self.code}) {abroad}"))


class Text:
    """A text that grows, and the places of its identifiers: `{"kind", "value", "parts", "whole"}`."""

    def __init__(self):
        self.text, self.truths = "", []

    def say(self, text):
        self.text += text

    def tell(self, kind, value, pieces, whole=True):
        """Pieces are parts of the identifier, or `None` and what lies between them."""
        parts = []
        for piece in pieces:
            if isinstance(piece, tuple):
                self.text += piece[1]
            else:
                parts.append([len(self.text), len(self.text) + len(piece)])
                self.text += piece
        self.truths.append({"kind": kind, "value": value, "parts": parts, "whole": whole})


def between(pieces, gaps):
    """The pieces with a gap between each two."""
    result = []
    for piece in pieces:
        result += [(None, gaps()), piece] if result else [piece]
    return result


def spoken_number(number, language, rng):
    words = []
    for pair in number.parts((2,) * 6) if language.tens and rng.random() < 0.4 else list(number.national):
        if len(pair) == 2 and pair[0] in "23456789" and pair[1] != "0":
            unit = language.digits[int(pair[1])]
            words.append(language.tens[int(pair[0])] + ("-" if language.region == "GB" else "") + unit)
        else:
            words.append(" ".join(language.digits[int(digit)] for digit in pair))
    group = rng.choice((2, 3, 8))
    return ", ".join(" ".join(words[at:at + group]) for at in range(0, len(words), group))


def spoken_address(address, language, rng):
    local, domain = address.split("@")
    said = lambda part: part.replace(".", f" {language.dot} ")
    return f"{said(local)} {rng.choice(language.at)} {said(domain)}"


def gap_of(way, language, rng):
    """What lies between two parts of an identifier."""
    agent, customer = language.roles
    clock = f"{rng.randrange(60):02}:{rng.randrange(60):02}"
    return {
        "lines": lambda: rng.choice(("\n", "\r\n", "\n\n")),
        "tags": lambda: rng.choice(("<br>", "</b><b>", "</span> <span class=\"w\">", "</td><td>")),
        "turns": lambda: f"\n{agent}: {rng.choice(language.yes)}\n{customer}: ",
        "fillers": lambda: f" {rng.choice(language.fillers)} ",
        "annotations": lambda: rng.choice((" (pause) ", " [inaudible] ", " [noise] ", " <unk> ")),
        "times": lambda: rng.choice((f" [00:{clock}] ", f" [{clock}] ", f" ({clock}) ")),
        "labels": lambda: f", {rng.choice(language.labels)} ",
    }[way]


def encoded(text, way, rng):
    """The identifier's text in an encoding."""
    some = lambda sign, all_of: "".join(sign(c) if all_of or rng.random() < 0.5 or c in " @+" else c for c in text)
    return {
        "entities": lambda: some(lambda c: rng.choice((f"&#{ord(c)};", f"&#x{ord(c):x};")), False),
        "percent": lambda: rng.choice((urllib.parse.quote(text, safe=""), some(lambda c: f"%{ord(c):02X}", True))),
        "escapes": lambda: some(lambda c: f"\\u{ord(c):04x}", False),
        "transfer": lambda: quopri.encodestring(text.encode(), quotetabs=True).decode().replace(".", "=2E").replace("@", "=40"),
        "encoded words": lambda: f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?=",
        "scripts": lambda: in_script(text, rng.choice((0xFF10, 0x0660, 0x0966, 0x1D7D8))),
    }[way]()


def in_script(text, zero):
    return "".join(chr(zero + int(c)) if c.isdigit() else c for c in text)


def tell_phone(made, number, way, language, rng):
    parts = number.parts((4,) if way == "labels" or len(number.groups) == 1 else None)
    match way:
        case "spelled":
            made.tell("phone", number.e164, [number.spelled(rng)])
        case "spoken":
            made.tell("phone", number.e164, [spoken_number(number, language, rng)])
        case "lines" | "tags" | "turns" | "fillers" | "annotations" | "times" | "labels":
            made.tell("phone", number.e164, between(parts, gap_of(way, language, rng)))
        case "base64":
            sentence = f"{language.talk[1]} {number.spelled(rng)}"
            made.tell("phone", number.e164, [base64.b64encode(sentence.encode()).decode()], whole=False)
        case _:
            made.tell("phone", number.e164, [encoded(" ".join(parts), way, rng)])


def tell_address(made, address, way, language, rng):
    local, domain = address.split("@")
    match way:
        case "spelled":
            made.tell("email", address, [rng.choice((address, address, address.title(), address.upper()))])
        case "spoken":
            made.tell("email", address, [spoken_address(address, language, rng)])
        case "lines" | "tags" | "turns" | "fillers" | "annotations":
            parts = rng.choice(([f"{local}@", domain], [local, f"@{domain}"]))
            made.tell("email", address, between(parts, gap_of(way, language, rng)))
        case "base64":
            sentence = f"{language.talk[1]} {address}"
            made.tell("email", address, [base64.b64encode(sentence.encode()).decode()], whole=False)
        case _:
            made.tell("email", address, [encoded(address, way, rng)], whole=way != "encoded words")


def address_of(rng):
    sign = rng.choice((".", ".", "_", "-", ""))
    return f"{rng.choice(GIVEN)}{sign}{rng.choice(FAMILY)}{rng.choice(('', rng.randrange(100)))}@{rng.choice(DOMAINS)}"


def figure(kind, rng):
    digits = lambda count: "".join(rng.choices("0123456789", k=count))
    date = (rng.randrange(2015, 2030), rng.randrange(1, 13), rng.randrange(1, 29))
    clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}"
    return {
        "uuid": lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)),
        "timestamp": lambda: rng.choice(("{}-{:02}-{:02}T".format(*date) + f"{clock}:{digits(2)}.{digits(3)}Z",
                                         "{}-{:02}-{:02} ".format(*date) + clock, f"ts={rng.randrange(1_500_000_000, 1_900_000_000)}")),
        "price": lambda: rng.choice((f"kr {rng.randrange(1, 99)} {digits(3)},{digits(2)}", f"€{rng.randrange(1, 999)}.{digits(3)},{digits(2)}",
                                     f"${rng.randrange(1, 999)},{digits(3)}.{digits(2)}", f"{rng.randrange(10, 99)} {digits(3)} {digits(3)} SEK")),
        "score": lambda: f"confidence=0.{digits(rng.randrange(2, 9))}, start={rng.randrange(4000)}.{digits(2)}, end={rng.randrange(4000)}.{digits(2)}",
        "token ids": lambda: "[" + ", ".join(str(rng.randrange(51_000)) for _ in range(rng.randrange(3, 9))) + "]",
        "date": lambda: rng.choice(("{2:02}.{1:02}.{0}", "{0}-{1:02}-{2:02}", "{2}/{1}/{0}", "{1:02}/{2:02}/{0}")).format(*date),
        "order": lambda: rng.choice((f"ordre {rng.randrange(1, 10)}{digits(9)}", f"RF-{digits(8)}-{digits(2)}", f"case #{digits(7)}",
                                     f"{date[0]}-{digits(6)}", f"Order 45{digits(8)}")),
        "hours": lambda: f"{rng.randrange(6, 12):02}.{rng.choice(('00', '30'))}-{rng.randrange(13, 22)}.{rng.choice(('00', '30'))}",
        "version": lambda: rng.choice((f"v{rng.randrange(20)}.{rng.randrange(99)}.{rng.randrange(9999)}",
                                       ".".join(str(rng.randrange(1, 255)) for _ in range(4)) + f":{rng.randrange(1024, 65535)}")),
    }[kind]()


def frame(language, rng, tell, looks=LOOKS):
    """A transcript, a chat, or an e-mail in which `tell` says a turn."""
    made, look = Text(), rng.choice(looks)
    agent, customer = language.roles
    second = rng.randrange(20)
    turns = [("talk", rng.choice(language.talk)), ("tell", None), ("talk", rng.choice(language.talk))]
    turns.insert(rng.randrange(3), ("figure", rng.choice(language.figures)))
    for at, (kind, turn) in enumerate(turns):
        who = customer if kind == "tell" else (agent, customer)[at % 2]
        second += rng.randrange(2, 20)
        made.say({"transcript": f"[00:{second // 60:02}:{second % 60:02}] {who}: ", "chat": f"{who}: ", "mail": ""}[look])
        if kind == "tell":
            tell(made)
        else:
            made.say(turn.replace("{f}", figure(rng.choice(FIGURES), rng)))
        made.say("\n" if look != "mail" else rng.choice((" ", "\n")))
    return made


def own(count, seed=1):
    """Texts with the customer's number or address in every way, and their truth."""
    rng = random.Random(seed)
    for code, language in LANGUAGES.items():
        for kind, ways, lines, slot in (("phone", PHONE_WAYS, language.phone, "{n}"), ("email", ADDRESS_WAYS, language.address, "{a}")):
            for way in ways:
                for _ in range(count):
                    number, address = Number(language, rng), address_of(rng)
                    before, after = rng.choice(lines).split(slot)

                    def tell(made):
                        made.say(before)
                        if kind == "phone":
                            tell_phone(made, number, way, language, rng)
                        else:
                            tell_address(made, address, way, language, rng)
                        made.say(after)

                    made = frame(language, rng, tell, ("transcript", "chat") if way == "turns" else LOOKS)
                    yield {"set": "own", "way": way, "language": code, "region": language.region, "phone": number.e164,
                           "email": address, "text": made.text, "truths": made.truths}


def others(count, seed=2):
    """Transcripts, chats, and e-mails with numbers and addresses of people that no record knows."""
    rng = random.Random(seed)
    for code, language in LANGUAGES.items():
        for kind, slot in (("phone", "{n}"), ("email", "{a}")):
            for way in ("spelled", "spoken"):
                for _ in range(count):
                    before, after = rng.choice(language.phone if kind == "phone" else language.address).split(slot)

                    def tell(made):
                        made.say(before)
                        if kind == "phone":
                            tell_phone(made, Number(language, rng), way, language, rng)
                        else:
                            tell_address(made, address_of(rng), way, language, rng)
                        made.say(after)

                    made = frame(language, rng, tell)
                    yield {"set": "other", "way": way, "language": code, "region": language.region, "phone": None,
                           "email": None, "text": made.text, "truths": made.truths}


def figures(count, seed=3):
    """Texts in which nothing is a number or an address."""
    rng = random.Random(seed)
    for code, language in LANGUAGES.items():
        for kind in FIGURES:
            for _ in range(count):
                line = rng.choice(language.figures).replace("{f}", figure(kind, rng))
                yield {"set": "figures", "way": kind, "language": code, "region": language.region, "phone": None, "email": None,
                       "text": line, "truths": []}
