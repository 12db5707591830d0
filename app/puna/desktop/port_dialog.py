"""What to do when the server's port is taken."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from puna.config.network import Address
from puna.desktop.port_owner import Kind, PortOwner
from puna.desktop.server_control import ServerControl
from puna.gui.controls import give_role
from puna.gui.icons import picture


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def ask_port(
    control: ServerControl, address: Address, owner: PortOwner, port: int, parent: QWidget
) -> QMessageBox:
    """Name the owner and offer: be its client, another port, try again.

    The other program is never touched; the text says how to stop it.
    """
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIconPixmap(picture("tray-attention").pixmap(48, 48))
    box.setWindowTitle("Puna")
    box.setText(tr("The address {0} is in use.").format(address.netloc))
    box.setInformativeText(_explanation(owner))
    if owner.is_usable:
        use = box.addButton(tr("Use it as it is"), QMessageBox.ButtonRole.AcceptRole)
        use.clicked.connect(lambda: control.use_external(address.url))
    other = box.addButton(
        tr("Use port {0} this time").format(port), QMessageBox.ButtonRole.AcceptRole
    )
    give_role(other, "primary")
    other.clicked.connect(lambda: control.start_on(port))
    again = box.addButton(tr("Try again"), QMessageBox.ButtonRole.AcceptRole)
    again.clicked.connect(control.start)
    box.addButton(QMessageBox.StandardButton.Close)
    box.setDefaultButton(other)
    box.open()
    return box


def _explanation(owner: PortOwner) -> str:
    who = owner_text(owner)
    if owner.is_usable:
        return (
            who
            + " "
            + tr(
                "Puna can be its window, or run its own server at another port. "
                "To free the port, quit that program and try again."
            )
        )
    return (
        who
        + " "
        + tr("Puna can run at another port. To free this one, quit that program and try again.")
    )


def owner_text(owner: PortOwner) -> str:
    """One sentence that names the owner as well as can be told."""
    name = {
        Kind.PUNA: tr("another Puna"),
        Kind.OLLAMA: "Ollama",
        Kind.OTHER: owner.program or tr("another program"),
    }[owner.kind]
    facts = [owner.version] if owner.version else []
    if owner.pid:
        facts.append(tr("process {0}").format(owner.pid))
    inside = f" ({', '.join(facts)})" if facts else ""
    return tr("It belongs to {0}.").format(name + inside)
