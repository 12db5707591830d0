"""The OpenAPI document is true: requests it allows get answers it describes.

Schemathesis makes the requests. Left out is what leaves this machine, what
never ends, and what is a failure by design (accounts and cloud).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis")

CHECKS = schemathesis.checks.CHECKS

pytestmark = pytest.mark.conformance

LEFT_OUT = r"/api/(pull|push|events|me|signout|user|experimental)"
REPLY_S = 30
EXAMPLES = 12
NAMES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module")
def document(serving: Any) -> Any:
    """What the server says of itself."""
    found = schemathesis.openapi.from_url(f"{serving.url}/openapi.json")
    return found.exclude(path_regex=LEFT_OUT)


def failures_of(operation: Any) -> list[str]:
    """What is wrong with the answers to the requests that an operation allows."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def attempt(case: Any) -> None:
        case.call_and_validate(timeout=REPLY_S, checks=[CHECKS.get_one(name) for name in NAMES])

    try:
        attempt()
    except (AssertionError, ExceptionGroup) as error:
        return [f"{operation.label}: {error}"]
    return []


def test_requests_it_allows_get_answers_it_describes(document: Any) -> None:
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) > 30
    assert [text for operation in operations for text in failures_of(operation)] == []


def test_every_route_is_in_it(serving: Any) -> None:
    paths = serving.call("GET", "/openapi.json")["paths"]
    assert {
        "/api/tokenize",
        "/api/detokenize",
        "/api/rerank",
        "/v1/rerank",
        "/api/cancel",
        "/api/jobs",
        "/api/jobs/{number}",
        "/api/origins",
        "/metrics",
    } <= set(paths)
