from urllib.parse import parse_qsl

import httpx2
import pytest

from puna.errors import RegistryDenied, RegistryError
from puna.registry.auth import Authorizer, token_url
from puna.registry.challenge import Challenge, parse_challenges
from puna.registry.credentials import Login
from puna.registry.identity import Identity, load_identity

ORIGIN = httpx2.URL("https://reg:5000")


def bearer(realm: str, scope: str = "repository:a/b:pull", service: str = "kit") -> Challenge:
    return Challenge("bearer", {"realm": realm, "service": service, "scope": scope})


def test_a_token_request_has_a_sorted_query():
    url = token_url(
        bearer("https://reg:5000/token?x=1", "repository:a/b:pull repository:c:pull"),
        ORIGIN,
        now=lambda: 1234.9,
        nonce=bytes,
    )
    assert str(url) == (
        "https://reg:5000/token?nonce=AAAAAAAAAAAAAAAAAAAAAA&scope=repository%3Aa%2Fb%3Apull"
        "&scope=repository%3Ac%3Apull&service=kit&ts=1234&x=1"
    )


REFUSED = [
    "https://evil/token", "http://reg:5000/token", "https://reg/token", "https://reg:5001/token",
    "https://reg:5000@evil/token", "https://user@reg:5000/token", "//reg:5000/token", "token", "", "https://reg:5000.evil/",
    "file:///etc/passwd", "https://[::1/", "https://hf.co/token",
]  # fmt: skip


@pytest.mark.parametrize("realm", REFUSED)
def test_a_realm_elsewhere_is_refused(realm: str):
    with pytest.raises(RegistryDenied, match="does not match original host"):
        token_url(bearer(realm), ORIGIN)


@pytest.mark.parametrize(
    ("host", "realm"), [("hf.co", "huggingface.co"), ("huggingface.co", "hf.co")]
)
def test_the_two_names_of_hugging_face_are_one(host: str, realm: str):
    assert token_url(bearer(f"https://{realm}/t"), httpx2.URL(f"https://{host}")).host == realm


def test_the_two_names_are_one_only_over_https():
    with pytest.raises(RegistryDenied):
        token_url(bearer("http://huggingface.co/t"), httpx2.URL("http://hf.co"))


class TokenService:
    """Answers token requests as told and keeps what was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        status, body = self.answers.pop(0)
        return httpx2.Response(status, stream=httpx2.ByteStream(body))

    @property
    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return load_identity(tmp_path_factory.mktemp("key"))


async def renew(
    service: TokenService, identity: Identity, challenge: Challenge, login: Login | None = None
) -> dict[str, str]:
    auth = Authorizer(ORIGIN, identity=lambda: identity, login=login)
    async with service.client as http:
        await auth.renew([challenge], http, used={})
    return auth.headers()


@pytest.mark.parametrize("key", ["token", "access_token"])
async def test_a_signed_request_gets_a_token(key: str, identity: Identity):
    service = TokenService((200, f'{{"{key}":"abc"}}'.encode()))
    headers = await renew(service, identity, bearer("https://reg:5000/token"))
    assert headers == {"Authorization": "Bearer abc"}
    asked = service.requests[0]
    assert asked.headers["Authorization"] == identity.sign_get(str(asked.url))
    assert dict(parse_qsl(asked.url.query.decode()))["service"] == "kit"


async def test_an_unknown_key_falls_back_to_an_anonymous_token(identity: Identity):
    service = TokenService((401, b"who?"), (200, b'{"token":"t"}'))
    headers = await renew(service, identity, bearer("https://reg:5000/token"))
    assert headers == {"Authorization": "Bearer t"}
    assert "Authorization" not in service.requests[1].headers


async def test_a_login_is_used_instead_of_the_key(identity: Identity):
    service = TokenService((200, b'{"token":"t"}'))
    await renew(service, identity, bearer("https://reg:5000/token"), Login("kit", "kitpass"))
    assert service.requests[0].headers["Authorization"] == "Basic a2l0OmtpdHBhc3M="


FAILURES = {
    "500": ([(500, b"oops")], "500: oops"),
    "401": ([(401, b'{"error":"key not known"}'), (401, b"")], '401: {"error":"key not known"}'),
    "404 without a body": ([(404, b"")], "404"),
    "a web page": ([(200, b"<html>")], "invalid character '<' looking for beginning of value"),
    "nothing": ([(200, b"")], "unexpected end of JSON input"),
    "no token": ([(200, b"{}")], "no usable token"),
    "a token with a line break": ([(200, b'{"token":"a\\r\\nX: y"}')], "no usable token"),
    "a token of another type": ([(200, b'{"token":["a"]}')], "no usable token"),
    "an endless answer": ([(200, b" " * 2_000_000)], "longer than"),
}


@pytest.mark.parametrize(("answers", "text"), FAILURES.values(), ids=FAILURES)
async def test_a_token_service_that_fails_is_told(
    answers: list[tuple[int, bytes]], text: str, identity: Identity
):
    with pytest.raises(RegistryError) as caught:
        await renew(TokenService(*answers), identity, bearer("https://reg:5000/token"))
    assert text in str(caught.value)


async def test_basic_authentication_needs_a_login(identity: Identity):
    challenge = Challenge("basic", {"realm": "kit"})
    with pytest.raises(RegistryDenied, match="docker login reg:5000"):
        await renew(TokenService(), identity, challenge)
    login = Login("kit", "kitpass")
    headers = await renew(TokenService(), identity, challenge, login)
    assert headers == {"Authorization": login.basic}


async def test_a_refused_password_is_not_sent_twice(identity: Identity):
    auth = Authorizer(ORIGIN, identity=lambda: identity, login=Login("kit", "wrong"))
    async with TokenService().client as http:
        await auth.renew([Challenge("basic")], http, used={})
        with pytest.raises(RegistryDenied, match="refused the user name or the password"):
            await auth.renew([Challenge("basic")], http, used=auth.headers())


async def test_a_bearer_challenge_is_preferred(identity: Identity):
    service = TokenService((200, b'{"token":"t"}'))
    auth = Authorizer(ORIGIN, identity=lambda: identity, login=Login("kit", "kitpass"))
    both = parse_challenges(['Basic realm="x", Bearer realm="https://reg:5000/t"'])
    async with service.client as http:
        await auth.renew(both, http, used={})
    assert auth.headers() == {"Authorization": "Bearer t"}


async def test_no_known_challenge_is_a_refusal(identity: Identity):
    with pytest.raises(RegistryDenied, match="unauthorized: access denied"):
        await renew(TokenService(), identity, Challenge("negotiate"))


async def test_requests_refused_together_log_in_once(identity: Identity):
    service = TokenService((200, b'{"token":"t"}'))
    auth = Authorizer(ORIGIN, identity=lambda: identity)
    async with service.client as http:
        await auth.renew([bearer("https://reg:5000/t")], http, used={})
        await auth.renew([bearer("https://reg:5000/t")], http, used={})
    assert len(service.requests) == 1
