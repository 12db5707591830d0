"""A desktop's tray in miniature: a StatusNotifierWatcher that prints what registers.

Run on a session bus of its own.
"""

# ruff: noqa: T201

from __future__ import annotations

import sys

from PySide6.QtCore import ClassInfo, Property, QCoreApplication, QObject, Slot
from PySide6.QtDBus import QDBusConnection, QDBusMessage


@ClassInfo({"D-Bus Interface": "org.kde.StatusNotifierWatcher"})
class Watcher(QObject):
    @Slot(str, QDBusMessage)
    def RegisterStatusNotifierItem(self, service: str, message: QDBusMessage) -> None:
        print("item", message.service(), service, flush=True)

    @Slot(str)
    def RegisterStatusNotifierHost(self, service: str) -> None:
        print("host", service, flush=True)

    IsStatusNotifierHostRegistered = Property(bool, lambda self: True)
    ProtocolVersion = Property(int, lambda self: 0)
    RegisteredStatusNotifierItems = Property("QStringList", lambda self: [])


def main() -> int:
    application = QCoreApplication(sys.argv)
    bus = QDBusConnection.sessionBus()
    watcher = Watcher()
    options = (
        QDBusConnection.RegisterOption.ExportAllSlots
        | QDBusConnection.RegisterOption.ExportAllProperties
    )
    assert bus.registerObject("/StatusNotifierWatcher", watcher, options)
    assert bus.registerService("org.kde.StatusNotifierWatcher")
    print("ready", flush=True)
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
