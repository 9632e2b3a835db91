"""Values as YAML that ``parse_yaml`` reads back as they were, on one line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from audiofeat.config.yaml_loader import parse_yaml

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")


def yaml_text(value: Any) -> str:
    """Such as ``null``, ``1e-10``, ``mix`` or ``{mel: {bands: 40}}``; texts are quoted where they must be."""
    match value:
        case str():
            is_plain = _PLAIN.fullmatch(value) and parse_yaml(value.encode(), title="a value").value == value
            return value if is_plain else json.dumps(value)
        case Mapping():
            return "{" + ", ".join(f"{yaml_text(key)}: {yaml_text(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(yaml_text, value)) + "]"
    return json.dumps(value, allow_nan=False)
