"""One tray program per user: a second start hands its files to the first."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from PySide6.QtCore import QDir, QObject, QStandardPaths, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_ANSWER_MS = 2000
_GREETING_MS = 500
_LONGEST = 1 << 20


class SingleInstance(QObject):
    """The socket that only the first instance of a user has.

    Signals:
        raised: another start wants the window; the paths it was given.
    """

    raised = Signal(object)

    def __init__(self, config: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = socket_name(config)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._greet)

    def claim(self, files: list[Path]) -> bool:
        """Become the first instance; when there is one, hand it ``files`` and return ``False``."""
        if self._hand_over(files):
            return False
        # Nobody answers, so what is left of the socket belongs to an instance that died.
        QLocalServer.removeServer(self._name)
        self._server.listen(self._name)
        return True

    def close(self) -> None:
        """Let another instance be the first."""
        self._server.close()

    def _hand_over(self, files: list[Path]) -> bool:
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(_ANSWER_MS):
            return False
        message = json.dumps([str(file.absolute()) for file in files]).encode() + b"\n"
        socket.write(message)
        socket.flush()
        answered = socket.waitForReadyRead(_ANSWER_MS)
        socket.disconnectFromServer()
        return answered

    def _greet(self) -> None:
        """Take the message of another start; it writes in the same breath as it connects."""
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            files = _message(socket)
            socket.write(b"ok\n")
            socket.flush()
            socket.disconnectFromServer()
            socket.deleteLater()
            self.raised.emit(files)


def _message(socket: QLocalSocket) -> list[Path]:
    data = b""
    while b"\n" not in data and len(data) < _LONGEST:
        if not socket.bytesAvailable() and not socket.waitForReadyRead(_GREETING_MS):
            break
        data += bytes(socket.readAll().data())
    return _paths(data)


def socket_name(config: Path) -> str:
    """A name per user and configuration; on Unix a path in the user's own runtime folder."""
    name = f"puna-{hashlib.sha256(str(config).encode()).hexdigest()[:12]}"
    if sys.platform == "win32":
        return name
    runtime = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.RuntimeLocation)
    return QDir(runtime or QDir.tempPath()).filePath(f"{name}.sock")


def _paths(line: bytes) -> list[Path]:
    try:
        given = json.loads(line)
    except ValueError:
        return []
    return (
        [Path(item) for item in given if isinstance(item, str)] if isinstance(given, list) else []
    )
