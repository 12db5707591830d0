"""The models page."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QPoint, QSortFilterProxyModel, Qt, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QResizeEvent, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTableView,
    QWidget,
)

from puna.gui.controls import EmptyState, button, column, frame, label, row, themed_icon
from puna.gui.library.details_view import DetailsView
from puna.gui.library.leftovers_view import LeftoversView
from puna.gui.library.offers_view import OffersView
from puna.gui.library.pull_view import PullView
from puna.gui.library.table_model import SORT_ROLE, Column
from puna.gui.library.view_model import LibraryViewModel
from puna.gui.name_dialog import NameDialog

_ROW_HEIGHT = 42
_WIDE = 900
_LEAST_ROOM = 160
"""Height that downloads and leftovers leave to the models."""


class LibraryView(QWidget):
    """A field to pull models, the downloads, the installed models and one in detail.

    Signals:
        chat_wanted: begin a chat with this model.
        edit_wanted: name and Modelfile text to begin a new model from.
        file_wanted: the user wants to choose a GGUF file.
    """

    chat_wanted = Signal(str)
    edit_wanted = Signal(str, str)
    file_wanted = Signal()

    def __init__(self, view_model: LibraryViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._field = QLineEdit()
        self._field.setPlaceholderText(
            self.tr("Model name, “ollama run …”, or an address of ollama.com or huggingface.co")
        )
        self._field.setAccessibleName(self.tr("Model to pull"))
        self._field.setClearButtonEnabled(True)
        self._pull = button(self.tr("Pull"), self._start_pull, role="primary", picture="download")
        self._offers = button(self.tr("Suggestions"), self._show_stack, picture="book")
        self._offers.setCheckable(True)
        self._problem: QLabel = label("", "danger")
        self._problem.setVisible(False)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(view_model.table)
        self._sorted.setSortRole(SORT_ROLE)
        self._table = self._make_table()
        self._details = DetailsView(view_model)
        self._stack = QStackedWidget()
        self._build()
        self._connect()
        self._show_count()
        self._show_offers_button()

    def focus_pull(self) -> None:
        """Put the cursor into the field of the model to pull."""
        self._field.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to watch."""
        super().showEvent(event)
        self._view_model.watch(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Watch no more."""
        super().hideEvent(event)
        self._view_model.watch(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other widths have room for other columns."""
        super().resizeEvent(event)
        self._show_columns()

    def _make_table(self) -> QTableView:
        table = QTableView()
        table.setAccessibleName(self.tr("Installed models"))
        table.setModel(self._sorted)
        table.setSortingEnabled(True)
        table.sortByColumn(Column.MODIFIED, Qt.SortOrder.DescendingOrder)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setTabKeyNavigation(False)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(Column.NAME, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(64)
        return table

    def _build(self) -> None:
        empty = EmptyState(
            "models",
            self.tr("No models yet"),
            self.tr("Pull a model by its name above, or drop a GGUF file on this window."),
            button(self.tr("See suggestions"), self._offers.click, picture="book"),
            button(self.tr("Choose a GGUF file…"), self.file_wanted.emit, picture="file"),
        )
        self._stack.addWidget(empty)
        self._stack.addWidget(self._table)
        self._stack.addWidget(OffersView(self._view_model.offers))
        self._title: QLabel = label(self.tr("Models"), "title")
        self._total: QLabel = label("", "muted")
        top = column(
            row(self._title, self._total, 1, spacing=12),
            row(self._field, self._pull, self._offers),
            self._problem,
            PullView(self._view_model.pulls),
            spacing=12,
        )
        top.setContentsMargins(24, 20, 24, 12)
        foot = column(LeftoversView(self._view_model.leftovers), spacing=0)
        foot.setContentsMargins(24, 0, 24, 12)
        left = column(top, self._stack, foot, spacing=0)
        left.setStretch(1, 1)
        self._stack.setContentsMargins(14, 0, 14, 8)
        self._stack.setMinimumHeight(_LEAST_ROOM)
        self._stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(frame("page", left))
        splitter.addWidget(self._details)
        splitter.setChildrenCollapsible(False)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([700, 340])
        self.setLayout(column(splitter, spacing=0))

    def _connect(self) -> None:
        self._field.returnPressed.connect(self._start_pull)
        self._field.textChanged.connect(lambda: self._problem.setVisible(False))
        self._table.selectionModel().selectionChanged.connect(self._select)
        self._table.doubleClicked.connect(lambda: self.chat_wanted.emit(self._selected()))
        self._table.customContextMenuRequested.connect(self._show_menu)
        self._details.chat_wanted.connect(self.chat_wanted)
        self._details.edit_wanted.connect(self.edit_wanted)
        self._details.copy_wanted.connect(self._ask_copy)
        self._details.rename_wanted.connect(self._ask_rename)
        self._view_model.details_changed.connect(self._show_columns)
        self._view_model.table.modelReset.connect(self._show_count)
        self._view_model.offers.changed.connect(self._show_offers_button)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self._table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._remove)

    def _start_pull(self) -> None:
        if not self._field.text().strip():
            return
        if self._view_model.pull(self._field.text()):
            self._field.clear()
        else:
            self._problem.setText(self.tr("This does not name a model."))
            self._problem.setVisible(True)

    def _selected(self) -> str:
        rows = self._table.selectionModel().selectedRows()
        if not rows:
            return ""
        return self._view_model.table.model_at(self._sorted.mapToSource(rows[0]).row()).name

    def _select(self) -> None:
        self._view_model.select(self._selected())

    def _remove(self) -> None:
        if self._selected():
            self._view_model.remove(self._selected())

    def _show_columns(self) -> None:
        """Leave out what the details tell as well when there is no room for all."""
        has_details = self._view_model.details is not None
        narrow = has_details or self.width() < _WIDE
        for extra in (Column.PARAMETERS, Column.CONTEXT, Column.MODIFIED):
            self._table.setColumnHidden(extra, narrow)
        self._table.setColumnHidden(Column.QUANTIZATION, has_details)

    def _show_count(self) -> None:
        models = self._view_model.models
        self._show_stack()
        self._total.setText(self.tr("%n installed", "", len(models)) if models else "")

    def _show_stack(self) -> None:
        """The suggestions if they are wanted, else the models, else what to do without any."""
        installed = 1 if self._view_model.models else 0
        self._stack.setCurrentIndex(2 if self._offers.isChecked() else installed)

    def _show_offers_button(self) -> None:
        has_any = bool(self._view_model.offers.models)
        self._offers.setVisible(has_any)
        if not has_any:
            self._offers.setChecked(False)
            self._show_stack()

    def _show_menu(self, place: QPoint) -> None:
        if not self._table.indexAt(place).isValid():
            return
        name = self._selected()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for picture, text, action in (
            ("chat", self.tr("Chat"), partial(self.chat_wanted.emit, name)),
            ("copy", self.tr("Copy model…"), partial(self._ask_copy, name)),
            ("edit", self.tr("Rename…"), partial(self._ask_rename, name)),
            ("trash", self.tr("Delete model"), self._remove),
        ):
            menu.addAction(themed_icon(picture), text, action)
        menu.popup(self._table.viewport().mapToGlobal(place))

    def _ask_copy(self, name: str) -> None:
        dialog = NameDialog(
            self.tr("Copy model"), self.tr("Name of the copy"), f"{name}-copy", self
        )
        dialog.named.connect(partial(self._view_model.copy, name))
        dialog.open()

    def _ask_rename(self, name: str) -> None:
        dialog = NameDialog(self.tr("Rename model"), self.tr("New name"), name, self)
        dialog.named.connect(partial(self._view_model.rename, name))
        dialog.open()
