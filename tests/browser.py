"""A real browser without a screen, for what can be seen and heard of a page; where there is none, tests say so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WHY_NOT = "chromium and chromedriver are not in PATH"
needs_browser = pytest.mark.skipif(not (shutil.which("chromium") and shutil.which("chromedriver")), reason=WHY_NOT)

_OPTIONS = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-background-networking", "--mute-audio")

# Of all boxes that lie in one container, none may lie on another; nor may the words of a chart.
_OVERLAPS = """
const visible = (e) => !e.closest("[hidden]") && !["TITLE", "OPTION"].includes(e.tagName);
const name = (e) => `${e.tagName}.${e.className.baseVal ?? e.className} ${e.textContent.slice(0, 30)}`;
const found = [];
const compare = (boxes) => {
  // Text that goes on in the next line has a box for each.
  const rects = boxes.filter(visible).flatMap((e) => [...e.getClientRects()].map((rect) => [e, rect]));
  rects.forEach(([e, a], i) => rects.slice(i + 1).forEach(([f, b]) => {
    const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (e !== f && x > 1 && y > 1) found.push([name(e), name(f)]);
  }));
};
const containers = "body, main, section, ul, dl, dl div, figure, figcaption, p, div:not(.scroll)";
for (const e of document.querySelectorAll(containers)) compare([...e.children]);
for (const svg of document.querySelectorAll("svg")) compare([...svg.querySelectorAll("text")]);
return found;
"""
# What is wider than the room it has, where it does not scroll.
_TOO_WIDE = """
const wide = [...document.querySelectorAll("body *")].filter((e) =>
  !e.closest(".scroll") && e.getClientRects().length && e.getBoundingClientRect().right > innerWidth + 1);
if (document.documentElement.scrollWidth > innerWidth) wide.push(document.documentElement);
return wide.map((e) => e.outerHTML.slice(0, 80));
"""
_PLAY = """
const [audio, done] = arguments;
audio.addEventListener("timeupdate", () => { if (audio.currentTime > audio.dataset.from) done(audio.currentTime); });
audio.addEventListener("error", () => done(`error ${audio.error.code}: ${audio.error.message}`));
audio.addEventListener("loadedmetadata", () => { audio.dataset.from = audio.currentTime; });
audio.play().catch(() => {});
"""


class Browser:
    """A window of Chromium."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.run = driver.execute_script

    def open(self, page: Path, *, width: int = 1280, height: int = 900, theme: str = "light") -> None:
        """Show a page of the disk in a window of so many dots, to somebody who likes it light or dark."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.get_log("browser")
        self.driver.get(page.absolute().as_uri())

    def complaints(self) -> list[str]:
        """What the console says since the page was opened."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def overlaps(self) -> list[list[str]]:
        """Pairs of boxes of which one lies on the other."""
        found: list[list[str]] = self.run(_OVERLAPS)
        return found

    def too_wide(self) -> list[str]:
        """Elements that reach out of the window."""
        found: list[str] = self.run(_TOO_WIDE)
        return found

    def find(self, selector: str) -> list[Any]:
        """Elements by CSS."""
        elements: list[Any] = self.driver.find_elements("css selector", selector)
        return elements

    def play(self, audio: Any) -> float | str:
        """Play an audio element until its time has passed on: where it is then, or what went wrong."""
        outcome: float | str = self.driver.execute_async_script(_PLAY, audio)
        return outcome


@contextmanager
def chromium(*further: str) -> Iterator[Browser]:
    """A browser for several tests, with further options; it takes a second or two to start."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for option in (*_OPTIONS, "--autoplay-policy=no-user-gesture-required", *further):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(20)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
