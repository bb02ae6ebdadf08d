"""A generated client against a running server. mypy checks it in strict mode."""

import datetime
import io
import json
import os
from uuid import UUID

from lethe_client import AuthenticatedClient
from lethe_client.api.archive import get_interaction, ingest_interactions, search_interactions
from lethe_client.api.content import upload_content
from lethe_client.api.requests import create_anonymize_request, update_anonymize_request
from lethe_client.models.anonymize_request_change import AnonymizeRequestChange
from lethe_client.models.anonymize_request_new import AnonymizeRequestNew
from lethe_client.models.channel import Channel
from lethe_client.models.content_item import ContentItem
from lethe_client.models.content_kind import ContentKind
from lethe_client.models.customer_in import CustomerIn
from lethe_client.models.entered_anonymize_request import EnteredAnonymizeRequest
from lethe_client.models.ingested import Ingested
from lethe_client.models.interaction import Interaction
from lethe_client.models.interaction_in import InteractionIn
from lethe_client.models.interaction_page import InteractionPage
from lethe_client.models.interaction_search import InteractionSearch
from lethe_client.models.problem import Problem
from lethe_client.models.problem_code import ProblemCode
from lethe_client.models.target import Target
from lethe_client.models.viewed_interaction import ViewedInteraction
from lethe_client.types import File

client = AuthenticatedClient(base_url=os.environ["LETHE_ADDRESS"], token=os.environ["LETHE_TOKEN"])


def ingest() -> None:
    def record(number: int) -> InteractionIn:
        started_at = datetime.datetime(2026, 2, 11, 10, 0, number, tzinfo=datetime.timezone.utc)
        customer = CustomerIn(phone_number="+4791234568")
        external_id = f"python-{number}"
        return InteractionIn(external_id=external_id, channel=Channel.CALL, started_at=started_at, queue="Python", customer=customer)

    ingested = ingest_interactions.sync(client=client, body=[record(number) for number in range(5)])
    assert isinstance(ingested, Ingested), ingested
    assert (ingested.received, ingested.created) == (5, 5), ingested


def search_all_pages() -> list[Interaction]:
    found: list[Interaction] = []
    cursor: str | None = None
    while True:
        page = search_interactions.sync(client=client, body=InteractionSearch(queue="Python", limit=2, cursor=cursor))
        assert isinstance(page, InteractionPage), page
        found.extend(page.items)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(found) == 5, found
    one = get_interaction.sync(found[0].id, client=client)
    assert isinstance(one, ViewedInteraction) and one.external_id == "python-4", one
    return found


def upload(interaction: UUID) -> None:
    """The generator knows no text bodies, so the media type of the bytes is set by hand."""
    body = File(payload=io.BytesIO(b"Call me on 912 34 568, please."))
    call = upload_content._get_kwargs(interaction, body=body, kind=ContentKind.CHAT_LOG)
    call["headers"]["Content-Type"] = "text/plain"
    response = client.get_httpx_client().request(**call)
    assert response.status_code == 201, response.text
    item = ContentItem.from_dict(json.loads(response.text))
    assert (item.kind, item.media_type) == (ContentKind.CHAT_LOG, "text/plain"), item


def enter_and_change() -> None:
    body = AnonymizeRequestNew(phone_number="91234568", to_date=datetime.date(2026, 2, 10), targets=[Target.ARCHIVE])
    entered = create_anonymize_request.sync_detailed(client=client, body=body)
    assert isinstance(entered.parsed, EnteredAnonymizeRequest), entered
    request, version = entered.parsed, entered.headers["ETag"]
    change = AnonymizeRequestChange(comment="case 118")
    changed = update_anonymize_request.sync(request.id, client=client, body=change, if_match=version)
    assert isinstance(changed, EnteredAnonymizeRequest) and changed.comment == "case 118", changed
    stale = update_anonymize_request.sync(request.id, client=client, body=change, if_match=version)
    assert isinstance(stale, Problem) and stale.code == ProblemCode.VERSION_STALE, stale


def problem() -> None:
    body = AnonymizeRequestNew(phone_number="12", targets=[Target.ARCHIVE])
    refused = create_anonymize_request.sync(client=client, body=body)
    assert isinstance(refused, Problem) and refused.code == ProblemCode.VALIDATION_FAILED, refused
    assert refused.errors and refused.errors[0].pointer == "/phone_number", refused


ingest()
upload(search_all_pages()[0].id)
enter_and_change()
problem()
