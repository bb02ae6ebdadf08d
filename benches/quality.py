"""Recall and precision of the finder and of presidio-analyzer on texts whose identifiers are known."""

import collections
import json
import os
import pathlib
import subprocess

import truth

# Texts of each way and language, and of each kind of figures. Presidio is slow, so it gets every tenth of them.
OWN, OTHERS, FIGURES, TENTH = 500, 1_000, 1_700, 10


def run(say, program, presidio):
    """`program` reads lines and writes finds; `presidio` does the same with the peer."""
    for name, lines, goal in (("own", truth.own(OWN), 0.999), ("other", truth.others(OTHERS), 0.98)):
        lines = list(lines)
        ours = Score(lines, read(program, lines))
        few = lines[::TENTH]
        theirs = Score(few, presidio(few))
        say.head(f"{len(lines):,} transcripts, chats, and e-mails with an {name} identifier, in {len(truth.LANGUAGES)} languages")
        for (what, way), (found, count) in sorted(ours.by_way.items()):
            peer, of = theirs.by_way[what, way]
            say.line(f"{what}, {way}: found, presidio", f"{found / count:.4f}", f"{peer / max(of, 1):.4f}")
        for what, (found, count) in sorted(ours.by_set.items()):
            say.ratio(f"recall of {what}", found / count, ">=", goal)
        say.ratio(f"precision on texts with {name} identifiers", ours.precision(), ">=", 0.98)
        say.line("precision of presidio", f"{theirs.precision():.4f}")
    lines = list(truth.figures(FIGURES))
    ours, theirs = Score(lines, read(program, lines)), Score(lines[::TENTH], presidio(lines[::TENTH]))
    say.head(f"{len(lines):,} texts with a UUID, a timestamp, a price, a score, token ids, a date, or an order number")
    say.ratio("false callers per 10,000", ours.false * 10_000 / len(lines), "<=", 1)
    say.line("of presidio", f"{theirs.false * 10_000 / len(lines[::TENTH]):,.0f}")
    public(say, program, presidio)


def read(program, lines):
    text = "\n".join(map(json.dumps, lines)) + "\n"
    done = subprocess.run([program], input=text, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line)["finds"] for line in done.stdout.splitlines()]


class Score:
    """What was found of the truth, and what was found besides it."""

    def __init__(self, lines, readings):
        self.by_way, self.by_set = (collections.defaultdict(lambda: [0, 0]) for _ in range(2))
        self.right = self.false = 0
        self.missed, self.wrong = [], []
        for line, finds in zip(lines, readings, strict=True):
            self.add(line, finds)

    def add(self, line, finds):
        text = line["text"]
        places = [letters(text, truth["parts"]) for truth in line["truths"]]
        covered = [set() for _ in places]
        for find in finds:
            if find["kind"] == "suppressed":
                continue
            taken = letters(text, find["parts"])
            owners = [at for at, place in enumerate(places) if taken & place and same(find, line["truths"][at])]
            # A find that takes a neighbour's digits along, or is somebody else, is false.
            if owners and taken <= places[owners[0]]:
                covered[owners[0]] |= taken
                self.right += 1
            else:
                self.false += 1
                self.wrong.append((line, find))
        for known, place, taken in zip(line["truths"], places, covered, strict=True):
            is_found = taken >= place if known["whole"] else bool(taken)
            what = f"{line['set']} {known['kind']}"
            for counts in (self.by_way[what, line["way"]], self.by_set[what]):
                counts[0] += is_found
                counts[1] += 1
            if not is_found:
                self.missed.append((line, finds))

    def precision(self):
        return self.right / max(self.right + self.false, 1)


def same(find, known):
    """Presidio names no value."""
    value = find.get("value")
    return find["kind"] == known["kind"] and (value is None or known["value"] is None or value == known["value"].lower())


def letters(text, parts):
    return {at for start, end in parts for at in range(start, end) if text[at].isalnum()}


def public(say, program, presidio):
    """Two sets that anyone can fetch, where LETHE_PUBLIC_SETS names the folder with their files."""
    folder = os.environ.get("LETHE_PUBLIC_SETS")
    if not folder:
        say.head("The public sets are skipped: LETHE_PUBLIC_SETS names no folder")
        return
    for name, file, lines in (("NorSynthClinical-PHI", "reference_standard_annotated.conll", norwegian),
                              ("presidio-research", "synth_dataset_v2.json", research)):
        path = pathlib.Path(folder) / file
        if not path.exists():
            say.head(f"{name} is skipped: there is no {path}")
            continue
        lines = list(lines(path.read_text(encoding="utf-8-sig")))
        say.head(f"{name}: {len(lines):,} texts")
        for who, score in (("Lethe", Score(lines, read(program, lines))), ("presidio", Score(lines, presidio(lines)))):
            for what, (found, count) in sorted(score.by_set.items()):
                say.line(f"{who}: {what}, of {count}", f"{found / count:.4f}")
            say.line(f"{who}: finds that are none of them", f"{score.false:,}")


def norwegian(text):
    """Sentences of a word and its tag a line."""
    for sentence in text.split("\n\n"):
        made, parts = "", []
        for row in sentence.splitlines():
            word, _, tag = row.rpartition(" ")
            made += " " if made else ""
            if tag.endswith("Phone_Number"):
                if tag[0] in "SB":
                    parts.append([len(made), len(made)])
                parts[-1][1] = len(made) + len(word)
            made += word
        truths = [{"kind": "phone", "value": None, "parts": [part], "whole": True} for part in parts]
        yield line_of("NO", made, truths)


def research(text):
    """Sentences of the presidio-research project, whose numbers are of many countries."""
    kinds = {"PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email"}
    for sample in json.loads(text):
        spans = [span for span in sample["spans"] if span["entity_type"] in kinds]
        truths = [{"kind": kinds[span["entity_type"]], "value": None, "whole": True,
                   "parts": [[span["start_position"], span["end_position"]]]} for span in spans]
        yield line_of("US", sample["full_text"], truths)


def line_of(region, text, truths):
    return {"set": "any", "way": "", "language": "", "region": region, "phone": None, "email": None, "text": text, "truths": truths}
