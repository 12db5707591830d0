"""The tokenizer of a model, whatever form its folder has it in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from puna.errors import InvalidInput
from puna.gguf.conversion import sentencepiece, tokenizer_json
from puna.gguf.conversion.folder import Folder
from puna.gguf.conversion.vocabulary import Token, TokenType, Vocabulary, added
from puna.gguf.writer import Addition

_KINDS: Mapping[str, str] = {
    "bos": "bos",
    "eos": "eos",
    "unk": "unknown",
    "sep": "seperator",
    "pad": "padding",
    "cls": "cls",
    "mask": "mask",
}
"""Name of a special token there → in GGUF, which spells one of them so."""

_DECIMAL = re.compile(r"[0-9]{1,9}")
_STAND_INS = {"bos": "cls", "eos": "sep"}
_BERT_TEXTS = {
    f"{kind}_token": f"[{kind.upper()}]" for kind in ("unk", "sep", "pad", "cls", "mask")
}


def keys(folder: Folder, size: int) -> dict[str, Addition]:
    """Metadata of the tokenizer for embeddings of ``size`` tokens.

    Raises:
        InvalidInput: it is missing, damaged, or cuts text in a way that
            llama.cpp does not.
        OSError: a file cannot be read.
    """
    vocabulary = _vocabulary(folder)
    settings = folder.optional("tokenizer_config.json")
    found = vocabulary.keys(size)
    if vocabulary.model == "bert":
        found["tokenizer.ggml.token_type_count"] = _type_count(folder)
    found |= _special(folder, settings, vocabulary, size)
    if vocabulary.model != "bert":
        found |= _added_ends(folder, settings)
    template = _chat_template(folder, settings)
    return found | ({"tokenizer.chat_template": template} if template else {})


def _vocabulary(folder: Folder) -> Vocabulary:
    pieces = folder.bytes("tokenizer.model")
    if sentencepiece.is_sentencepiece(pieces):
        return _with_settings(sentencepiece.read(pieces), folder)
    if folder.has("tokenizer.json") or not folder.has("vocab.txt"):
        return tokenizer_json.read(folder.document("tokenizer.json"))
    lines = folder.text("vocab.txt").splitlines()
    vocab = {text: number for number, text in enumerate(lines)}
    settings = folder.optional("tokenizer_config.json")
    words = tokenizer_json.word_pieces(vocab, _control(vocab, settings))
    lower = bool(settings.get("do_lower_case", True))
    return words.with_keys({"tokenizer.ggml.normalizer.lowercase": lower})


def _control(vocab: Mapping[str, int], settings: Mapping[str, Any]) -> dict[int, Token]:
    """The special tokens of a list of words that does not mark them."""
    texts = {_content(settings.get(f"{kind}_token")) for kind in _KINDS} | {*_BERT_TEXTS.values()}
    return {vocab[text]: Token(text, TokenType.CONTROL) for text in texts if text in vocab}


def _with_settings(vocabulary: Vocabulary, folder: Folder) -> Vocabulary:
    """With what was added after the pieces were learned."""
    settings = folder.optional("tokenizer_config.json")
    late = {
        **_numbered(folder.optional("added_tokens.json")),
        **_decoder(settings.get("added_tokens_decoder")),
        **tokenizer_json.added_tokens(folder.optional("tokenizer.json")),
    }
    space = settings.get("add_prefix_space")
    extra = {"tokenizer.ggml.add_space_prefix": space} if isinstance(space, bool) else {}
    return vocabulary.with_added(late).with_keys(extra)


def _numbered(texts: Mapping[str, Any]) -> dict[int, Token]:
    return {
        number: added(text, special=False)
        for text, number in texts.items()
        if isinstance(number, int)
    }


def _decoder(entries: object) -> dict[int, Token]:
    found: dict[int, Token] = {}
    for number, entry in entries.items() if isinstance(entries, dict) else ():
        if not _DECIMAL.fullmatch(number) or not isinstance(entry, dict):
            raise InvalidInput("tokenizer_config.json has an added token that is none")
        text = _content(entry)
        if text:
            found[int(number)] = added(text, special=bool(entry.get("special")))
    return found


def _type_count(folder: Folder) -> int:
    count = folder.document("config.json").get("type_vocab_size", 1)
    if not isinstance(count, int) or not 0 < count < 2**16:
        raise InvalidInput('"type_vocab_size" in config.json is not a positive whole number')
    return count


def _special(
    folder: Folder, settings: Mapping[str, Any], vocabulary: Vocabulary, size: int
) -> dict[str, Addition]:
    """Numbers of the special tokens that are known, by text or by number."""
    numbers = {token.text: number for number, token in vocabulary.tokens.items()}
    found: dict[str, int] = {}
    bert = vocabulary.model == "bert"
    texts = {**folder.optional("special_tokens_map.json"), **settings}
    texts = {**_BERT_TEXTS, **texts} if bert else texts
    for kind in _KINDS:
        number = numbers.get(_content(texts.get(f"{kind}_token")))
        if number is None:
            number = _number(folder, kind)
        if number is not None and 0 <= number < size:
            found[kind] = number
    if bert:
        _require_bert(found)
        found = {kind: found[stand_in] for kind, stand_in in _STAND_INS.items()} | found
    return {f"tokenizer.ggml.{_KINDS[kind]}_token_id": number for kind, number in found.items()}


def _require_bert(found: Mapping[str, int]) -> None:
    """llama.cpp takes numbers of its own for those that are missing, and ends."""
    for kind in ("unk", "sep", "cls"):
        if kind not in found:
            raise InvalidInput(f"the vocabulary has no {_BERT_TEXTS[f'{kind}_token']} token")


def _number(folder: Folder, kind: str) -> int | None:
    """The number that a configuration gives a special token; the first of several."""
    for file in ("config.json", "generation_config.json"):
        value = folder.optional(file).get(f"{kind}_token_id")
        value = value[0] if isinstance(value, list) and value else value
        if type(value) is int:
            return value
    return None


def _content(value: object) -> str:
    """Text of a token that is written as text or as an object."""
    text = value.get("content") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _added_ends(folder: Folder, settings: Mapping[str, Any]) -> dict[str, Addition]:
    """Whether the first and last special token are put around a text.

    The template of the tokenizer decides; without one, its settings.
    """
    found: dict[str, Addition] = {}
    processors = list(_processors(folder.optional("tokenizer.json").get("post_processor")))
    if any(part.get("type") == "ByteLevel" for part in processors):
        found |= {"tokenizer.ggml.add_bos_token": False, "tokenizer.ggml.add_eos_token": False}
    for kind in ("bos", "eos"):
        value = settings.get(f"add_{kind}_token")
        if isinstance(value, bool):
            found[f"tokenizer.ggml.add_{kind}_token"] = value
    for part in processors:
        single = part.get("single")
        if part.get("type") == "TemplateProcessing" and isinstance(single, list) and single:
            found["tokenizer.ggml.add_bos_token"] = "SpecialToken" in single[0]
            found["tokenizer.ggml.add_eos_token"] = "SpecialToken" in single[-1]
    return found


def _processors(part: object) -> Iterator[Mapping[str, Any]]:
    """A post-processor, or those of a sequence."""
    if isinstance(part, dict):
        yield part
        inner = part.get("processors")
        for item in inner if isinstance(inner, list) else ():
            if isinstance(item, dict):
                yield item


def _chat_template(folder: Folder, settings: Mapping[str, Any]) -> str:
    """The Jinja template; of several, the one for plain conversations."""
    template: object = folder.text("chat_template.jinja")
    template = template or folder.optional("chat_template.json").get("chat_template")
    template = template or settings.get("chat_template")
    if isinstance(template, list):
        named = {str(item.get("name")): item for item in template if isinstance(item, dict)}
        template = named.get("default", {}).get("template")
    return template if isinstance(template, str) else ""
