"""From what is gathered to HTML: one page that needs nothing besides, and may fetch nothing.

Whatever comes out of a source (keys, messages, labels) is escaped by jinja2. Should something slip through, the page's
policy runs no script and no style but its own, told by their digests, and reaches no network: only pictures in the
page, and audio beside it.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from audiofeat.page.numbers import short
from audiofeat.page.overview import Overview

_TEMPLATES = Path(__file__).parent / "templates"


def html_of(page: Overview) -> bytes:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    style, script = ((_TEMPLATES / name).read_text("utf-8") for name in ("style.css", "script.js"))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(short=short, dots=_dots)
    html = environment.get_template("page.html").render(
        page=page, policy=_policy(style, script), style=Markup(style), script=Markup(script)
    )
    return html.encode("utf-8")


def _policy(style: str, script: str) -> str:
    """What a browser lets the page do (Content Security Policy, level 2)."""
    return (
        f"default-src 'none'; img-src data:; media-src 'self' file:; style-src {_source(style)}; "
        f"script-src {_source(script)}; base-uri 'none'; form-action 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def _dots(value: float) -> str:
    """A length in a chart, no finer than a screen shows it."""
    return f"{value:.1f}".removesuffix(".0")
