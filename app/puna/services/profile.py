"""What a model can do and how it is spoken with: templates, tags, capabilities.

Source: contract ``ollama-http-api`` 3.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from puna.chat import templates
from puna.chat.parsing import PARSERS, OutputFormat, abilities_of, family_of
from puna.chat.templates import TemplateChoice
from puna.errors import ModelLoadError
from puna.gguf.header import Header
from puna.gguf.metadata import ModelInfo
from puna.gguf.translation.catalogue import has_known_encoder, obstacle
from puna.runner.protocol import Template
from puna.store.installed import InstalledModel

_KEPT = 64
_MODES: dict[bool | None, Literal["auto", "go", "jinja"]] = {
    None: "auto",
    True: "go",
    False: "jinja",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """One model as inference sees it.

    Attributes:
        template: how prompts are made.
        output: how its answers are read.
        capabilities: in Ollama's order.
        draft: of its draft model, ``None`` without one.
    """

    info: ModelInfo
    template: Template
    output: OutputFormat
    capabilities: tuple[str, ...]
    draft: ModelInfo | None = None

    def can(self, capability: str) -> bool:
        """Whether the model has a capability."""
        return capability in self.capabilities


class Profiles:
    """Profiles by model, kept while they are used."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, bool | None], Profile] = OrderedDict()

    def of(self, model: InstalledModel, go_template: bool | None) -> Profile:
        """The profile of a model under the setting ``OLLAMA_GO_TEMPLATE``.

        Raises:
            InvalidModelFile, StoreError: its files cannot be read.
        """
        key = (model.digest, go_template)
        if key not in self._known:
            self._known[key] = _profile(model, go_template)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[key]


def _profile(model: InstalledModel, go_template: bool | None) -> Profile:
    header = model.header()
    if header is None:
        raise ModelLoadError(f"model '{model.name.display}' has no GGUF weights")
    info = ModelInfo.from_header(header)
    chosen = _template(model, info, go_template)
    draft = model.draft_header()
    return Profile(
        info=info,
        template=Template(chosen.kind, chosen.source),
        output=_output(model, chosen),
        capabilities=_capabilities(model, chosen, _abilities(model, header, info)),
        draft=ModelInfo.from_header(draft) if draft is not None else None,
    )


def _template(model: InstalledModel, info: ModelInfo, go_template: bool | None) -> TemplateChoice:
    """The template in use; Go templates may be switched off altogether."""
    own = None if go_template is False else model.template
    return templates.choose(own, info.chat_template or None, _MODES[go_template])


def _output(model: InstalledModel, chosen: TemplateChoice) -> OutputFormat:
    """How answers are read: a parser named by the model, one of a known notation, or tags."""
    named = model.config.parser
    if named in PARSERS:
        return OutputFormat(family=named)
    family = family_of(chosen.source) if chosen.kind == "jinja" else ""
    can_call = "tools" in chosen.info.capabilities
    tool_tag = chosen.info.tool_tag if can_call else ""
    detected = chosen.kind == "jinja"
    return OutputFormat(family, chosen.info.thinking_tags, tool_tag, detected)


def _abilities(model: InstalledModel, header: Header, info: ModelInfo) -> list[str]:
    """What the files of a model are for; an encoder that no projector is made of counts not."""
    lost = bool(obstacle(header)) and not has_known_encoder(header)
    found = ["embedding" if info.is_embedding else "completion"]
    found += ["vision"] if model.projector_paths or (info.has_vision and not lost) else []
    found += ["audio"] if info.has_audio and not lost else []
    return found


def _capabilities(
    model: InstalledModel, chosen: TemplateChoice, of_file: list[str]
) -> tuple[str, ...]:
    of_template: list[str] = list(chosen.info.capabilities)
    both = of_template + of_file if chosen.kind == "jinja" else of_file + of_template
    of_parser = abilities_of(model.config.parser)
    return tuple(dict.fromkeys([*model.config.capabilities, *both, *of_parser]))
