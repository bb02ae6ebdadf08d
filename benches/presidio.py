"""Reads texts (a JSON object a line) with the pattern recognizers of presidio-analyzer for what Lethe finds as well: phones
of the countries that the command line names, addresses, cards, accounts, and Swedish and Finnish identity numbers. Its
language model is blank, so that no time goes into finding names."""

import importlib.metadata
import json
import logging
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.nlp_engine import SpacyNlpEngine

KINDS = {"PHONE_NUMBER": "phone", "EMAIL_ADDRESS": "email"}


class Blank(SpacyNlpEngine):
    """A tokenizer and nothing else."""

    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def main():
    logging.disable(logging.WARNING)
    recognizers = [
        known.PhoneRecognizer(supported_regions=sys.argv[1:]), known.EmailRecognizer(), known.CreditCardRecognizer(),
        known.IbanRecognizer(), known.SePersonnummerRecognizer(supported_language="en"),
        known.FiPersonalIdentityCodeRecognizer(supported_language="en"),
    ]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])
    texts = [json.loads(line)["text"] for line in sys.stdin]
    analyzer.analyze("warm up: kari@example.com, +4798765432", language="en")
    began = time.process_time()
    results = [analyzer.analyze(text, language="en") for text in texts]
    seconds = time.process_time() - began
    counts = lambda one: one.entity_type in KINDS
    finds = [[{"kind": KINDS[one.entity_type], "parts": [[one.start, one.end]]} for one in found if counts(one)]
             for found in results]
    json.dump({
        "version": importlib.metadata.version("presidio-analyzer"), "seconds": seconds, "finds": finds,
        "bytes": sum(len(text.encode()) for text in texts),
    }, sys.stdout)


if __name__ == "__main__":
    main()
