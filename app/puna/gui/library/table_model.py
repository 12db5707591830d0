"""The installed models as a Qt table."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from puna.gui.catalogue import InstalledModel, LoadedModel
from puna.gui.wording import moment, number, size

Index = QModelIndex | QPersistentModelIndex
SORT_ROLE = Qt.ItemDataRole.UserRole + 1
_ROOT = QModelIndex()


class Column(IntEnum):
    """Columns in the order shown."""

    NAME = 0
    SIZE = 1
    PARAMETERS = 2
    QUANTIZATION = 3
    CONTEXT = 4
    STATE = 5
    MODIFIED = 6


_RIGHT = (Column.SIZE, Column.PARAMETERS, Column.CONTEXT)


class ModelTable(QAbstractTableModel):
    """One row per installed model."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models: tuple[InstalledModel, ...] = ()
        self._loaded: dict[str, LoadedModel] = {}

    def show_models(self, models: tuple[InstalledModel, ...]) -> None:
        """Replace the rows; the same models in the same order are updated in place."""
        if [model.name for model in models] == [model.name for model in self._models]:
            self._models = models
            self._touch(Column.NAME, Column.MODIFIED)
            return
        self.beginResetModel()
        self._models = models
        self.endResetModel()

    def show_loaded(self, loaded: tuple[LoadedModel, ...]) -> None:
        """Update the column that says what is in memory."""
        self._loaded = {model.name: model for model in loaded}
        self._touch(Column.STATE, Column.STATE)

    def model_at(self, row: int) -> InstalledModel:
        """The model of that row."""
        return self._models[row]

    def row_of(self, name: str) -> int:
        """The row of that model, -1 when it is not shown."""
        return next((row for row, model in enumerate(self._models) if model.name == name), -1)

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Models."""
        return 0 if parent.isValid() else len(self._models)

    def columnCount(self, parent: Index = _ROOT) -> int:
        """See :class:`Column`."""
        return 0 if parent.isValid() else len(Column)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Titles of the columns."""
        if orientation == Qt.Orientation.Vertical:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(Column(section))
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return (
            self.tr("Name"),
            self.tr("Size"),
            self.tr("Parameters"),
            self.tr("Quantisation"),
            self.tr("Context"),
            self.tr("State"),
            self.tr("Modified"),
        )[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, alignment and sort value of one cell."""
        model = self._models[index.row()]
        column = Column(index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(model, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == SORT_ROLE:
            return self._sort_value(model, column)
        if role == Qt.ItemDataRole.ToolTipRole and column is Column.NAME:
            return f"{model.name}\n{model.digest[:12]}"
        return None

    def _text(self, model: InstalledModel, column: Column) -> str:
        match column:
            case Column.NAME:
                return model.name
            case Column.SIZE:
                return size(model.size)
            case Column.PARAMETERS:
                return model.parameters
            case Column.QUANTIZATION:
                return model.quantization
            case Column.CONTEXT:
                return number(model.context_length) if model.context_length else ""
            case Column.STATE:
                return self._state(model.name)
            case Column.MODIFIED:
                return moment(model.modified)

    def _state(self, name: str) -> str:
        loaded = self._loaded.get(name)
        if loaded is None:
            return ""
        if loaded.is_loading:
            return self.tr("loading {0} %").format(round(loaded.progress * 100))
        return self.tr("loaded")

    def _sort_value(self, model: InstalledModel, column: Column) -> Any:
        match column:
            case Column.SIZE:
                return model.size
            case Column.CONTEXT:
                return model.context_length
            case Column.MODIFIED:
                return model.modified
            case _:
                return self._text(model, column).casefold()

    def _touch(self, first: Column, last: Column) -> None:
        if self._models:
            self.dataChanged.emit(self.index(0, first), self.index(len(self._models) - 1, last))


def _alignment(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
