"""What the generated API tests cannot know from the document alone."""

import json
import re
import uuid

import schemathesis
from hypothesis import strategies


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    """A stream of records: one JSON value a line."""
    lines = value if isinstance(value, list) else [value]
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode("utf-8", "replace")


TEXTS = ["text/html", "text/vtt", "application/x-subrip", "message/rfc822"]
BYTES = ["audio/wav", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm", "video/mp4", "video/webm"]


@schemathesis.serializer(TEXTS[0], *TEXTS[1:], *BYTES)
def upload(context, value):
    """The bytes of a piece of content."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


# Only the service can make a cursor, because it is sealed. So no cursor is generated.
schemathesis.openapi.format("cursor", strategies.nothing())


@schemathesis.hook
def before_call(context, case, kwargs):
    """A call with the key of an earlier one gets its response, which may name a webhook that was deleted since."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch("[!-~]{1,255}", key):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
