"""All view-models of the window, made together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from puna.gui.activity.view_model import ActivityViewModel
from puna.gui.api.view_model import ApiViewModel
from puna.gui.chat.history import History
from puna.gui.chat.view_model import ChatViewModel
from puna.gui.create.view_model import CreateViewModel
from puna.gui.library.pulls import Pulls
from puna.gui.library.view_model import LibraryViewModel
from puna.gui.origins import Origins
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server
from puna.gui.session import Session
from puna.gui.settings.view_model import LoginStart, SettingsViewModel


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the window and the tray show; outlives any widget."""

    session: Session
    server: Server
    preferences: Preferences
    history: History
    pulls: Pulls
    origins: Origins
    chat: ChatViewModel
    library: LibraryViewModel
    create: CreateViewModel
    api: ApiViewModel
    activity: ActivityViewModel
    settings: SettingsViewModel

    async def aclose(self) -> None:
        """Stop all tasks, then close the connection and the history."""
        await self.chat.aclose()
        await self.pulls.aclose()
        await self.create.tasks.aclose()
        await self.api.tasks.aclose()
        await self.activity.tasks.aclose()
        await self.origins.tasks.aclose()
        await self.settings.tasks.aclose()
        await self.library.aclose()
        await self.session.aclose()
        self.history.close()


def open_workspace(
    session: Session, server: Server, preferences: Preferences, login: LoginStart, state: Path
) -> Workspace:
    """Make the view-models; chats and unfinished downloads lie in the folder ``state``."""
    history = History(state / "chats.sqlite3")
    pulls = Pulls(session, state / "downloads.json")
    origins = Origins(session)
    settings = SettingsViewModel(session, server, preferences, login)
    origins.decided.connect(settings.read_unless_staged)
    return Workspace(
        session=session,
        server=server,
        preferences=preferences,
        history=history,
        pulls=pulls,
        origins=origins,
        chat=ChatViewModel(session, server, history, preferences),
        library=LibraryViewModel(session, pulls),
        create=CreateViewModel(session),
        api=ApiViewModel(session, server, preferences, origins),
        activity=ActivityViewModel(session, origins),
        settings=settings,
    )
