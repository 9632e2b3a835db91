"""The layers that a config is made of (presets, files, ``--set``, arguments), and how one lies over another.

Each layer keeps where every key was written, so that a complaint about the merged values names the line that
the value came from. Paths in a file are relative to that file; elsewhere they are left as given.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audiofeat.config.complaints import Complaint
from audiofeat.config.key_paths import KeyPath
from audiofeat.config.models import FEATURE_NAMES, Config, Overrides
from audiofeat.config.preset_list import preset_names, preset_text
from audiofeat.config.wording import did_you_mean, shown
from audiofeat.config.yaml_loader import MAX_BYTES, MAX_DEPTH, parse_yaml
from audiofeat.errors import ConfigError

MAX_EXTENDS = 8

_GROUPS = frozenset(Config.model_fields) - {"source", "features"}
_SUFFIXES = (".yaml", ".yml")


@dataclass(slots=True)
class Layer:
    """Some of a config's values, as written in one place."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[KeyPath, str] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)

    def place_of(self, path: KeyPath) -> str:
        """Where the key, else a key below it, else the nearest group around it, was written; empty if nowhere."""
        below = (key for key in reversed(self.places) if key[: len(path)] == path)
        around = (path[:length] for length in range(len(path), 0, -1))
        return next((self.places[key] for key in (path, *below, *around) if key in self.places), "")

    def put(self, layer: Layer) -> None:
        """Lay another layer over this one, key by key.

        The feature names are the exception: a layer that has ``features`` says which features there are. Else
        a job could never do without a feature of the preset that it extends.
        """
        features = layer.values.get("features")
        if isinstance(features, dict) and isinstance(self.values.get("features"), dict):
            self.values["features"] = {name: own for name, own in self.values["features"].items() if name in features}
        self.add(layer)

    def add(self, layer: Layer) -> None:
        """As ``put``, but features only come in addition."""
        _merge(self.values, layer.values)
        self.places.update(layer.places)
        self.complaints += layer.complaints


def named_layers(config: str | os.PathLike[str]) -> tuple[str, list[Layer]]:
    """A preset or file and everything that it extends, the base first, and the title that it goes by.

    Raises:
        ConfigError: one of them does not exist, cannot be read or is not YAML, or they extend one another.
    """
    text = _Text.at(os.fspath(config), folder="")
    return text.title, _chain(text.layer(is_main=True), came_from=[text])


def mapping_layers(values: Mapping[str, Any]) -> list[Layer]:
    """A config given as a mapping and everything that it extends, the base first; paths as they are."""
    layer = Layer()
    copied = _copied(values, (), layer.complaints)
    layer.values = _normalised(copied, layer, folder="")
    return _chain(layer, came_from=[])


def override_layer(setting: str) -> tuple[Layer, bool]:
    """A ``KEY=VALUE`` of ``--set``, VALUE typed as in YAML; and whether it replaces the choice of features."""
    layer = Layer()
    key, equals, text = setting.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path) or not key.isprintable():
        text = f"expected KEY=VALUE such as mel.bands=40, got {shown(setting)}"
        layer.complaints.append(Complaint((), text, "--set"))
        return layer, False
    if path == ("extends",):
        layer.complaints.append(Complaint(path, "cannot be set here; name the preset or file as the config", "--set"))
        return layer, False
    # surrogatepass: bytes of the command line that are not UTF-8 are then refused as such.
    try:
        document = parse_yaml(text.encode("utf-8", "surrogatepass"), title="the value")
    except ConfigError as error:
        layer.complaints.append(Complaint(path, error.problem, "--set"))
        return layer, False
    layer.complaints += [Complaint((*path, *each.path), each.text, "--set") for each in document.complaints]
    layer.places = dict.fromkeys([path, *((*path, *below) for below in document.lines)], "--set")
    if not document.complaints:
        layer.values = _normalised(_nested(path, document.value), layer, folder="")
    return layer, path == ("features",)


def argument_layer(path: KeyPath, value: str | None, *, name: str) -> Layer:
    """One explicit argument; None says nothing."""
    if value is None:
        return Layer()
    return Layer(values=_nested(path, value), places={path: name})


@dataclass(frozen=True, slots=True)
class _Text:
    """A config's YAML, and where it was found."""

    title: str
    data: bytes
    identity: str
    folder: str

    @classmethod
    def at(cls, name: str, *, folder: str) -> _Text:
        path = os.path.join(folder, os.path.expanduser(name))
        if name.endswith(_SUFFIXES) or os.sep in name or os.path.isfile(path):
            return cls(path, _read(path), os.path.realpath(path), os.path.dirname(path))
        return cls(f"preset {name}", preset_text(name).encode(), f"preset {name}", "")

    def layer(self, *, is_main: bool) -> Layer:
        document = parse_yaml(self.data, title=self.title)
        title = "" if is_main else f"{os.path.basename(self.title)} "
        layer = Layer(
            places={path: f"{title}line {line}" for path, line in document.lines.items()},
            complaints=[Complaint(each.path, each.text, title + each.place) for each in document.complaints],
        )
        value = {} if document.value is None else document.value
        if isinstance(value, dict):
            layer.values = _normalised(value, layer, folder=self.folder)
        else:
            layer.complaints.append(Complaint((), f"expected keys and values, got {shown(value)}", f"{title}line 1"))
        return layer


def _chain(layer: Layer, *, came_from: list[_Text]) -> list[Layer]:
    """The layer and, before it, those that it extends, however many there are of them."""
    layers = [layer]
    while (name := layer.values.pop("extends", None)) is not None:
        line = layer.place_of(("extends",)).rpartition("line ")[2]
        where = f"{came_from[-1].title}: line {line}: extends" if came_from else "config: extends"
        if not isinstance(name, str | os.PathLike) or not os.fspath(name):
            raise ConfigError(f"{where}: expected the name of one preset or file, got {shown(name)}")
        try:
            text = _Text.at(os.fsdecode(name), folder=came_from[-1].folder if came_from else "")
        except ConfigError as error:
            raise ConfigError(f"{where}: {error.problem}", hint=error.hint) from error
        if text.identity in (each.identity for each in came_from):
            circle = " -> ".join(each.title for each in [*came_from, text])
            raise ConfigError(f"{where}: configs extend one another in a circle: {circle}", hint="break it")
        if len(layers) > MAX_EXTENDS:
            raise ConfigError(f"{where}: more than {MAX_EXTENDS} configs extend one another", hint="merge some of them")
        layer = text.layer(is_main=False)
        layers.insert(0, layer)
        came_from.append(text)
    return layers


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # read, not stat: a shell's <(...) has no size
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        names = preset_names()
        meant, presets = did_you_mean(Path(path).stem, names), ", ".join(names)
        raise ConfigError(
            f"{path}: there is no such file{meant}", hint=f"another path, or a preset: {presets}"
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path!r}: cannot be read as a config: {reason}") from error


def _normalised(values: dict[str, Any], layer: Layer, *, folder: str) -> dict[str, Any]:
    """The shorthands written out: ``store: PATH``, groups without keys; and a file's paths made relative to it."""
    if isinstance(values.get("store"), str | os.PathLike):
        values["store"] = {"path": values["store"]}
        layer.places[("store", "path")] = layer.place_of(("store",))
    _fill_empty(values, _GROUPS | {"features"})
    if isinstance(features := values.get("features"), dict):
        _fill_empty(features, FEATURE_NAMES)
        for own in features.values():
            if isinstance(own, dict):
                _fill_empty(own, Overrides.model_fields)
    if folder:
        _place(values, ("source",), folder=folder)
        _place(values, ("store", "path"), folder=folder)
        _place(values, ("cmvn", "file"), folder=folder)
        for name in FEATURE_NAMES:
            _place(values, ("features", name, "cmvn", "file"), folder=folder)
    return values


def _fill_empty(values: dict[str, Any], groups: Any) -> None:
    """``mel:`` with every key below it commented out is null to YAML and an empty group to its writer."""
    for name in groups:
        if name in values and values[name] is None:
            values[name] = {}


def _place(values: Any, path: KeyPath, *, folder: str) -> None:
    *groups, key = path
    for group in groups:
        values = values.get(group) if isinstance(values, dict) else None
    if isinstance(values, dict) and isinstance(name := values.get(key), str) and name:
        values[key] = os.path.join(folder, os.path.expanduser(name))


def _copied(values: Mapping[Any, Any], path: KeyPath, complaints: list[Complaint]) -> dict[str, Any]:
    if len(path) > MAX_DEPTH:
        raise ConfigError(f"config: more than {MAX_DEPTH} levels of nesting, which no config has")
    copied: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(key, str) or not key.isprintable():
            complaints.append(Complaint(path, f"a key must be printable text, got {shown(key)}"))
        else:
            copied[key] = _copied(value, (*path, key), complaints) if isinstance(value, Mapping) else _plain(value)
    return copied


def _plain(value: Any) -> Any:
    """Arrays and their numbers, NumPy's and others', as lists and numbers."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") and not isinstance(value, str | bytes) else value


def _nested(path: KeyPath, value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    nested: dict[str, Any] = value
    return nested


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, Mapping):
            below = base.setdefault(key, {})
            if not isinstance(below, dict):
                below = base[key] = {}
            _merge(below, value)
        else:
            base[key] = value
