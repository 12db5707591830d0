"""Modelfiles: text to commands and back, without touching a file."""

from puna.modelfile.checking import Problem, check
from puna.modelfile.formatter import format_modelfile, format_safely
from puna.modelfile.nodes import Command, Modelfile, Span
from puna.modelfile.parameters import to_parameters
from puna.modelfile.parser import parse

__all__ = [
    "Command",
    "Modelfile",
    "Problem",
    "Span",
    "check",
    "format_modelfile",
    "format_safely",
    "parse",
    "to_parameters",
]
