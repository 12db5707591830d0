"""Every error Puna raises on purpose.

PunaError
  InvalidInput              400  the caller can fix it
    InvalidName                  a model name that cannot exist
    ModelfileError               carries line and column
    TemplateError                a Go or Jinja template that does not parse or render
    UnsupportedOption            an option out of its range or of the wrong type
    InvalidModelFile             not a GGUF, or a damaged one
    CapabilityMissing            the model cannot do what was asked
    ContextExceeded              the prompt does not fit the context window
  Unauthorized              401  no or wrong API key
  Forbidden                 403  Host, Origin or cloud rules
  NotFound                  404
    ModelNotFound
    BlobNotFound
  SlowBody                  408  a body that does not arrive
  Conflict                  409  the model or the store is in use
  TooLarge                  413  a body over its limit
  RequestCanceled           499  the client left
  Busy                      503  the same request may succeed later
    QueueFull
    ShuttingDown
  NoSpace                   507  the disk is full
  StoreError                500  the models folder
    StoreReadOnly
    StoreDamaged                 a manifest or blob that cannot be read
    DigestMismatch
  RegistryError             500  the other side of a pull or push
    ManifestUnknown              "file does not exist"
    RegistryUnreachable
    RegistryDenied
  CannotQuantize            500  weights that cannot be converted
  RunnerError               500  the child process
    ModelLoadError
      OutOfMemory
    RunnerCrashed
  AddressInUse              --   the listen address is taken
  ServerUnreachable         --   no server answers (client side)

``str(error)`` is the text a person reads; it never holds a traceback, an
address of ours or a path outside the models folder. The HTTP status is found
by class in ``server.errors``, the CLI prints ``Error: <text>`` and exits 1.
"""

from __future__ import annotations


class PunaError(Exception):
    """Base of all errors that have a meaning for the user."""


class InvalidInput(PunaError):
    """The caller sent something that cannot be served as it is."""


class InvalidName(InvalidInput):
    """A model name that the grammar of names does not allow."""


class ModelfileError(InvalidInput):
    """A Modelfile that does not parse.

    Attributes:
        line: 1-based line of the fault, 0 when the whole file is meant.
        column: 1-based column in Unicode code points, 0 when unknown.
    """

    def __init__(self, text: str, *, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


class TemplateError(InvalidInput):
    """A prompt template that does not parse or does not render."""


class UnsupportedOption(InvalidInput):
    """An option value of the wrong type or outside its range."""


class InvalidModelFile(InvalidInput):
    """A file that is not a usable GGUF model."""


class CapabilityMissing(InvalidInput):
    """The model cannot do what the request asks for."""


class ContextExceeded(InvalidInput):
    """The prompt does not fit the context window.

    Attributes:
        prompt_tokens: length of the prompt in tokens.
        context_length: tokens that one request may use.
    """

    def __init__(self, text: str, *, prompt_tokens: int = 0, context_length: int = 0) -> None:
        super().__init__(text)
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


class Unauthorized(PunaError):
    """The request carries no API key, or a wrong one."""


class Forbidden(PunaError):
    """The rules for hosts, origins or remote models refuse the request."""


class NotFound(PunaError):
    """The named thing is not here."""


class ModelNotFound(NotFound):
    """No manifest for this model name in the local library."""

    def __init__(self, name: str, text: str | None = None) -> None:
        super().__init__(text or f"model '{name}' not found")
        self.name = name


class BlobNotFound(NotFound):
    """No blob with this digest in the store."""


class Conflict(PunaError):
    """The thing is in use by somebody else."""


class SlowBody(PunaError):
    """A request whose body stopped coming, or comes too slowly."""

    def __init__(self) -> None:
        super().__init__("the request body did not arrive in time")


class TooLarge(PunaError):
    """A request body over its limit."""


class RequestCanceled(PunaError):
    """The client left before the answer began."""


class Busy(PunaError):
    """The server is working; the same request may succeed later."""


class QueueFull(Busy):
    """More requests wait than ``OLLAMA_MAX_QUEUE`` allows."""

    def __init__(self) -> None:
        super().__init__("server busy, please try again.  maximum pending requests exceeded")


class ShuttingDown(Busy):
    """The server is stopping or restarting."""

    def __init__(self) -> None:
        super().__init__("the server is shutting down")


class NoSpace(PunaError):
    """The disk that holds the models folder is full."""


class StoreError(PunaError):
    """The models folder cannot be read or written."""


class StoreReadOnly(StoreError):
    """The models folder does not accept writes."""


class StoreDamaged(StoreError):
    """A manifest, config or blob that cannot be read."""


class DigestMismatch(StoreError):
    """Bytes that do not hash to the digest they were given under."""


class RegistryError(PunaError):
    """A registry refused or failed."""


class ManifestUnknown(RegistryError):
    """The registry has no such model or tag."""


class RegistryUnreachable(RegistryError):
    """No connection to the registry."""


class RegistryDenied(RegistryError):
    """The registry wants other credentials."""


class CannotQuantize(PunaError):
    """Weights of this type cannot be converted, or not to the wanted type."""


class RunnerError(PunaError):
    """The runner process of one model failed."""


class ModelLoadError(RunnerError):
    """The runner could not open the model."""


class OutOfMemory(ModelLoadError):
    """The model does not fit into memory with these settings."""


class RunnerCrashed(RunnerError):
    """The runner process ended while it had requests.

    Attributes:
        returncode: exit code; negative is the signal that ended it.
        log_tail: the last lines the runner wrote to stderr.
        for_memory: the system ended it, most likely because memory ran out.
    """

    def __init__(
        self, text: str, *, returncode: int, log_tail: str = "", for_memory: bool = False
    ) -> None:
        super().__init__(text)
        self.returncode = returncode
        self.log_tail = log_tail
        self.for_memory = for_memory


class AddressInUse(PunaError):
    """Another program listens on the address.

    Attributes:
        host: the host we tried to bind.
        port: the TCP port we tried to bind.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"listen tcp {host}:{port}: bind: address already in use")
        self.host = host
        self.port = port


class ServerUnreachable(PunaError):
    """No server answers at the address."""
