"""Reads texts (a JSON object a line) with the pattern recognizers of presidio-analyzer for what Lethe finds as well:
phones of the texts' countries, addresses, cards, accounts, and Swedish and Finnish identity numbers. Its language model
is blank, so that no time goes into finding names."""

import importlib.metadata
import json
import logging
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer import predefined_recognizers as known
from presidio_analyzer.nlp_engine import SpacyNlpEngine

REGIONS = ["NO", "SE", "DK", "GB", "DE"]


class Blank(SpacyNlpEngine):
    """A tokenizer and nothing else."""

    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def main():
    logging.disable(logging.WARNING)
    recognizers = [
        known.PhoneRecognizer(supported_regions=REGIONS), known.EmailRecognizer(), known.CreditCardRecognizer(),
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
    spans = lambda found, kind: [{"start": one.start, "end": one.end} for one in found if one.entity_type == kind]
    finds = [{"phones": spans(found, "PHONE_NUMBER"), "emails": spans(found, "EMAIL_ADDRESS")} for found in results]
    json.dump({
        "version": importlib.metadata.version("presidio-analyzer"), "seconds": seconds, "finds": finds,
        "bytes": sum(len(text.encode()) for text in texts),
    }, sys.stdout)


if __name__ == "__main__":
    main()
