"""Numbers, sizes, times and errors as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import QCoreApplication, QLocale

from puna.errors import (
    Busy,
    CapabilityMissing,
    ContextExceeded,
    ManifestUnknown,
    ModelNotFound,
    NoSpace,
    OutOfMemory,
    PunaError,
    RegistryUnreachable,
    RunnerCrashed,
    ServerUnreachable,
    StoreReadOnly,
)

_UNITS = ("B", "KB", "MB", "GB", "TB")


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def size(count: float) -> str:
    """Bytes in decimal units, as downloads and disks are counted: ``91.2 MB``."""
    value = float(count)
    unit = 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value /= 1000
        unit += 1
    digits = 0 if unit == 0 or value >= 99.95 else 1
    return f"{QLocale().toString(value, 'f', digits)} {_UNITS[unit]}"


def number(value: float, digits: int = 0) -> str:
    """A number in the language's own digits and separators."""
    return QLocale().toString(float(value), "f", digits)


def duration(seconds: float) -> str:
    """A time span in at most two units: ``42 s``, ``3 min 5 s``, ``2 h 10 min``."""
    total = max(0, round(seconds))
    if total < 60:
        return tr("{0} s").format(total)
    if total < 3600:
        return tr("{0} min {1} s").format(total // 60, total % 60)
    return tr("{0} h {1} min").format(total // 3600, total % 3600 // 60)


def moment(iso: str, now: datetime | None = None) -> str:
    """An RFC 3339 time as words relative to now: ``2 hours ago``; empty for no time."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return ""
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return ago(((now or datetime.now(UTC)) - when).total_seconds())


def ago(seconds: float) -> str:
    """How long ago something was."""
    for limit, unit, text in (
        (60, 1, tr("just now")),
        (3600, 60, tr("{0} min ago")),
        (86400, 3600, tr("{0} h ago")),
        (86400 * 60, 86400, tr("{0} days ago")),
        (86400 * 730, 86400 * 30, tr("{0} months ago")),
    ):
        if seconds < limit:
            return text.format(int(seconds // unit))
    return tr("{0} years ago").format(int(seconds // (86400 * 365)))


def ability(capability: str) -> str:
    """What a model can do, for people; a capability without words is its own name."""
    words = {
        "completion": tr("writes"),
        "vision": tr("sees pictures"),
        "audio": tr("hears"),
        "tools": tr("calls tools"),
        "thinking": tr("thinks"),
        "insert": tr("completes code"),
        "embedding": tr("for searching"),
    }
    return words.get(capability, capability)


def fault(error: PunaError) -> str:
    """One sentence for an error: what happened and what helps. The server's text follows it."""
    for kind, text in (
        (ServerUnreachable, tr("The server does not answer. Start it from the tray or this page.")),
        (ModelNotFound, tr("This model is not installed. Choose another one or pull it.")),
        (ManifestUnknown, tr("The registry does not know this model. Check the name and tag.")),
        (RegistryUnreachable, tr("The registry cannot be reached. Check the connection.")),
        (NoSpace, tr("The disk is full. Free some space, then resume.")),
        (StoreReadOnly, tr("The models folder cannot be written. Chat still works.")),
        (OutOfMemory, tr("Not enough memory for this model. Try a smaller context length.")),
        (RunnerCrashed, tr("The model's process ended. What was written is kept; try again.")),
        (ContextExceeded, tr("The conversation is longer than the model's context.")),
        (CapabilityMissing, tr("This model cannot do that.")),
        (Busy, tr("The server is busy. Try again in a moment.")),
    ):
        if isinstance(error, kind):
            return text
    return str(error)
