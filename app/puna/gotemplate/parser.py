"""Tokens → trees.

Source: the grammar and the error texts of Go's text/template/parse.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from puna.errors import TemplateError
from puna.gotemplate import nodes
from puna.gotemplate.lexer import Kind, Lexer, Token
from puna.gotemplate.numbers import parse_number
from puna.gotemplate.trampoline import Call, run
from puna.gotext import quote, unquote

MAX_PARENTHESES = 10_000
MAX_TOKENS = 100_000
"""Far above any real template; bounds the time that parsing takes."""

_OPERANDS = frozenset(
    {
        Kind.BOOL,
        Kind.CHAR_CONSTANT,
        Kind.COMPLEX,
        Kind.DOT,
        Kind.FIELD,
        Kind.IDENTIFIER,
        Kind.NUMBER,
        Kind.NIL,
        Kind.RAW_STRING,
        Kind.STRING,
        Kind.VARIABLE,
        Kind.LEFT_PAREN,
    }
)


@dataclass(frozen=True, slots=True)
class Forest:
    """All templates of one source by name; the unnamed one is the main one."""

    source: str
    trees: dict[str, nodes.Sequence]


def parse(source: str, functions: Container[str]) -> Forest:
    """Parse a template and all it defines.

    Args:
        source: template text.
        functions: names that may be called.

    Raises:
        TemplateError: with Go's text, ``template: :LINE: …``.
    """
    trees: dict[str, nodes.Sequence] = {}
    parser = _Parser(Lexer(source), functions, trees)
    parser.add("", run(parser.main()))
    return Forest(source, trees)


class _Parser:
    """Parses one template; those defined inside get parsers of their own."""

    def __init__(
        self, lexer: Lexer, functions: Container[str], trees: dict[str, nodes.Sequence]
    ) -> None:
        self._lexer = lexer
        self._functions = functions
        self._trees = trees
        self._pending: list[Token] = []
        self._line = 0
        self._variables = ["$"]
        self._ranges = 0
        self._parentheses = 0
        self._action_line = 0

    # ------------------------------------------------------------ tokens

    def _next(self) -> Token:
        if self._pending:
            return self._pending.pop()
        token = self._lexer.next()
        self._line = token.line
        if self._lexer.count > MAX_TOKENS:
            raise self._fault(f"template has more than {MAX_TOKENS} words")
        return token

    def _back(self, *tokens: Token) -> None:
        self._pending.extend(reversed(tokens))

    def _peek(self) -> Token:
        token = self._next()
        self._back(token)
        return token

    def _next_word(self) -> Token:
        token = self._next()
        while token.kind is Kind.SPACE:
            token = self._next()
        return token

    def _peek_word(self) -> Token:
        token = self._next_word()
        self._back(token)
        return token

    def _expect(self, context: str, *kinds: Kind) -> Token:
        token = self._next_word()
        if token.kind not in kinds:
            raise self._unexpected(token, context)
        return token

    # ------------------------------------------------------------ errors

    def _fault(self, text: str) -> TemplateError:
        return TemplateError(f"template: :{self._line}: {text}")

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        if token.kind is not Kind.ERROR:
            return self._fault(f"unexpected {token} in {context}")
        extra = ""
        if self._action_line not in (0, token.line):
            extra = f" in action started at :{self._action_line}"
            if token.text.endswith(" action"):
                extra = extra.removeprefix(" in action")
        return self._fault(f"{token}{extra}")

    # ------------------------------------------------------------ templates

    def add(self, name: str, tree: nodes.Sequence) -> None:
        """Keep a finished tree; an empty one never replaces another."""
        known = self._trees.get(name)
        if known is None or nodes.is_blank(known):
            self._trees[name] = tree
        elif not nodes.is_blank(tree):
            raise self._fault(f"template: multiple definition of template {quote(name)}")

    def main(self) -> Call[nodes.Sequence]:
        """The whole source."""
        root = nodes.Sequence(self._peek().position)
        while self._peek().kind is not Kind.EOF:
            if self._peek().kind is Kind.LEFT_DELIM:
                delimiter = self._next()
                word = self._next_word()
                if word.kind is Kind.DEFINE:
                    yield _Parser(self._lexer, self._functions, self._trees).definition()
                    continue
                self._back(delimiter, word)
            node = yield self._text_or_action()
            if isinstance(node, nodes.End | nodes.Else):
                raise self._fault(f"unexpected {nodes.source_text(node)}")
            root.nodes.append(node)
        return root

    def definition(self) -> Call[None]:
        """``{{define "name"}} … {{end}}`` after its keyword."""
        context = "define clause"
        name = self._unquoted(self._expect(context, Kind.STRING, Kind.RAW_STRING))
        self._expect(context, Kind.RIGHT_DELIM)
        yield self.body(name, context)

    def body(self, name: str, context: str) -> Call[None]:
        """Nodes up to ``{{end}}``, kept as the template ``name``."""
        root, end = yield self._sequence()
        if not isinstance(end, nodes.End):
            raise self._fault(f"unexpected {nodes.source_text(end)} in {context}")
        self.add(name, root)

    def _sequence(self) -> Call[tuple[nodes.Sequence, nodes.Node]]:
        sequence = nodes.Sequence(self._peek_word().position)
        while self._peek_word().kind is not Kind.EOF:
            node = yield self._text_or_action()
            if isinstance(node, nodes.End | nodes.Else):
                return sequence, node
            sequence.nodes.append(node)
        raise self._fault("unexpected EOF")

    def _text_or_action(self) -> Call[nodes.Node]:
        token = self._next_word()
        if token.kind is Kind.TEXT:
            return nodes.Text(token.position, token.text)
        if token.kind is not Kind.LEFT_DELIM:
            raise self._unexpected(token, "input")
        self._action_line = token.line
        node: nodes.Node = yield self._action()
        self._action_line = 0
        return node

    # ------------------------------------------------------------ actions

    def _action(self) -> Call[nodes.Node]:
        token = self._next_word()
        node: nodes.Node
        match token.kind:
            case Kind.IF | Kind.WITH | Kind.RANGE:
                node = yield self._control(token.kind)
            case Kind.BLOCK:
                node = yield self._block()
            case Kind.TEMPLATE:
                node = yield self._invoke()
            case Kind.BREAK | Kind.CONTINUE:
                node = self._leave(token)
            case Kind.ELSE:
                node = self._else()
            case Kind.END:
                node = nodes.End(self._expect("end", Kind.RIGHT_DELIM).position)
            case _:
                self._back(token)
                position = self._peek().position
                pipe = yield self._pipeline("command", Kind.RIGHT_DELIM)
                node = nodes.Action(position, pipe)
        return node

    def _control(self, kind: Kind) -> Call[nodes.Node]:
        context = kind.name.lower()
        outer_variables = len(self._variables)
        pipe = yield self._pipeline(context, Kind.RIGHT_DELIM)
        self._ranges += kind is Kind.RANGE
        body, end = yield self._sequence()
        self._ranges -= kind is Kind.RANGE
        otherwise = None
        if isinstance(end, nodes.Else):
            otherwise = yield self._otherwise(kind, end)
        del self._variables[outer_variables:]
        shape = {Kind.IF: nodes.If, Kind.WITH: nodes.With, Kind.RANGE: nodes.Range}[kind]
        return shape(pipe.position, pipe, body, otherwise)

    def _otherwise(self, kind: Kind, start: nodes.Node) -> Call[nodes.Sequence]:
        chained = kind in (Kind.IF, Kind.WITH) and self._peek().kind is kind
        if chained:
            # {{else if}} is {{else}}{{if}} whose {{end}} serves both.
            self._next()
            inner = yield self._control(kind)
            return nodes.Sequence(start.position, [inner])
        sequence: nodes.Sequence
        sequence, end = yield self._sequence()
        if not isinstance(end, nodes.End):
            raise self._fault(f"expected end; found {nodes.source_text(end)}")
        return sequence

    def _else(self) -> nodes.Node:
        word = self._peek_word()
        if word.kind in (Kind.IF, Kind.WITH):
            return nodes.Else(word.position)
        return nodes.Else(self._expect("else", Kind.RIGHT_DELIM).position)

    def _leave(self, token: Token) -> nodes.Node:
        name = "{{" + token.text + "}}"
        word = self._next_word()
        if word.kind is not Kind.RIGHT_DELIM:
            raise self._unexpected(word, name)
        if not self._ranges:
            raise self._fault(f"{name} outside {{{{range}}}}")
        shape = nodes.Break if token.kind is Kind.BREAK else nodes.Continue
        return shape(token.position)

    def _block(self) -> Call[nodes.Node]:
        context = "block clause"
        token = self._next_word()
        name = self._template_name(token, context)
        pipe = yield self._pipeline(context, Kind.RIGHT_DELIM)
        yield _Parser(self._lexer, self._functions, self._trees).body(name, context)
        return nodes.Invoke(token.position, name, pipe)

    def _invoke(self) -> Call[nodes.Node]:
        context = "template clause"
        token = self._next_word()
        name = self._template_name(token, context)
        pipe = None
        word = self._next_word()
        if word.kind is not Kind.RIGHT_DELIM:
            self._back(word)
            pipe = yield self._pipeline(context, Kind.RIGHT_DELIM)
        return nodes.Invoke(token.position, name, pipe)

    def _template_name(self, token: Token, context: str) -> str:
        if token.kind not in (Kind.STRING, Kind.RAW_STRING):
            raise self._unexpected(token, context)
        return self._unquoted(token)

    def _unquoted(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            raise self._fault(str(error)) from error

    # ------------------------------------------------------------ pipelines

    def _pipeline(self, context: str, end: Kind) -> Call[nodes.Pipe]:
        pipe = nodes.Pipe(self._peek_word().position)
        self._declarations(pipe, context)
        while True:
            token = self._next_word()
            if token.kind is end:
                self._check(pipe, context)
                return pipe
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            self._back(token)
            command = yield self._command()
            pipe.commands.append(command)

    def _declarations(self, pipe: nodes.Pipe, context: str) -> None:
        while (variable := self._peek_word()).kind is Kind.VARIABLE:
            self._next()
            adjacent = self._next()
            word = self._next_word() if adjacent.kind is Kind.SPACE else adjacent
            if word.kind in (Kind.ASSIGN, Kind.DECLARE):
                pipe.assigns = word.kind is Kind.ASSIGN
                self._declare(pipe, variable)
                return
            if word.kind is not Kind.CHAR or word.text != ",":
                self._back(*dict.fromkeys((variable, adjacent, word)))
                return
            self._declare(pipe, variable)
            if context != "range" or len(pipe.declares) >= 2:
                raise self._fault(f"too many declarations in {context}")
            if self._peek_word().kind not in (Kind.VARIABLE, Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                raise self._fault("range can only initialize variables")

    def _declare(self, pipe: nodes.Pipe, variable: Token) -> None:
        pipe.declares.append(nodes.Variable(variable.position, [variable.text]))
        self._variables.append(variable.text)

    def _check(self, pipe: nodes.Pipe, context: str) -> None:
        if not pipe.commands:
            raise self._fault(f"missing value for {context}")
        for stage, command in enumerate(pipe.commands[1:], 2):
            if isinstance(command.words[0], nodes.LITERALS):
                raise self._fault(f"non executable command in pipeline stage {stage}")

    def _command(self) -> Call[nodes.Command]:
        command = nodes.Command(self._peek_word().position)
        while True:
            self._peek_word()
            operand = yield self._operand()
            if operand is not None:
                command.words.append(operand)
            token = self._next()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in (Kind.RIGHT_DELIM, Kind.RIGHT_PAREN):
                self._back(token)
            elif token.kind is not Kind.PIPE:
                raise self._unexpected(token, "operand")
            break
        if not command.words:
            raise self._fault("empty command")
        return command

    def _operand(self) -> Call[nodes.Node | None]:
        node: nodes.Node | None = yield self._term()
        if node is None or self._peek().kind is not Kind.FIELD:
            return node
        position = self._peek().position
        names = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        if isinstance(node, nodes.Field | nodes.Variable):
            node.names += names
            node.position = position
            return node
        if isinstance(node, nodes.LITERALS):
            raise self._fault(f"unexpected . after term {quote(nodes.source_text(node))}")
        return nodes.Chain(position, node, names)

    def _term(self) -> Call[nodes.Node | None]:
        token = self._next_word()
        if token.kind is Kind.LEFT_PAREN:
            inner: nodes.Node = yield self._parenthesized()
            return inner
        node = self._simple_term(token)
        if node is None:
            self._back(token)
        return node

    def _parenthesized(self) -> Call[nodes.Node]:
        if self._parentheses >= MAX_PARENTHESES:
            raise self._fault("max expression depth exceeded")
        self._parentheses += 1
        pipe: nodes.Node = yield self._pipeline("parenthesized pipeline", Kind.RIGHT_PAREN)
        self._parentheses -= 1
        return pipe

    def _simple_term(self, token: Token) -> nodes.Node | None:
        place, text = token.position, token.text
        match token.kind:
            case Kind.IDENTIFIER:
                if text not in self._functions:
                    raise self._fault(f"function {quote(text)} not defined")
                return nodes.Identifier(place, text)
            case Kind.DOT:
                return nodes.Dot(place)
            case Kind.NIL:
                return nodes.Nil(place)
            case Kind.VARIABLE:
                if text not in self._variables:
                    raise self._fault(f"undefined variable {quote(text)}")
                return nodes.Variable(place, [text])
            case Kind.FIELD:
                return nodes.Field(place, [text[1:]])
            case Kind.BOOL:
                return nodes.Bool(place, text == "true")
            case Kind.NUMBER | Kind.COMPLEX | Kind.CHAR_CONSTANT:
                return self._number(token)
            case Kind.STRING | Kind.RAW_STRING:
                return nodes.String(place, text, self._unquoted(token))
        return None

    def _number(self, token: Token) -> nodes.Number:
        try:
            return parse_number(token.position, token.text, is_complex=token.kind is Kind.COMPLEX)
        except ValueError as error:
            raise self._fault(str(error)) from error
