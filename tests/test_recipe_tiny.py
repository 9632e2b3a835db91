"""The recipe ``tiny``: pictures of words, recordings that a browser makes, and the size of a front end."""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import soundfile
from browser import chromium, needs_browser
from click.testing import CliRunner
from conftest import PROJECT
from laying import on_cpu
from make_sample_data import OPUS, sine, write_ffmpeg, write_sndfile

import audiofeat

RECIPE = PROJECT / "scripts" / "recipes" / "tiny"
RATE_HZ = 48_000
N_FFT = 2_048
TONE_HZ = 3_000.0
PATIENCE_SECONDS = 60.0

sys.path.append(str(RECIPE))  # as when its scripts are run: they import each other


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Any]:
    """The server, in a thread; among its recordings are the four synthesised words."""
    on_cpu()
    from record import Studio
    from words import write_words

    write_words(folder / "recordings")
    studio = Studio(config=RECIPE / "tiny.yaml", recordings=folder / "recordings", store=folder / "store", port=0)
    thread = threading.Thread(target=studio.serve_forever, daemon=True)
    thread.start()
    yield studio
    studio.shutdown()
    studio.server_close()
    thread.join()


@pytest.fixture(scope="module")
def webm(folder: Path) -> bytes:
    """A second of a tone, as MediaRecorder would send it."""
    path = folder / "tone.webm"
    write_ffmpeg(path, sine(seconds=1.0, rate_hz=RATE_HZ, tone_hz=TONE_HZ), rate_hz=RATE_HZ, encoding=OPUS)
    return path.read_bytes()


def asked(studio: Any, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    """The status and the answer. Headers are the page's own unless given; one that is '' is not sent."""
    ours = f"127.0.0.1:{studio.server_port}"
    sent = {"Host": ours, "Origin": f"http://{ours}", "Content_Length": str(len(body)), **headers}
    connection = http.client.HTTPConnection("127.0.0.1", studio.server_port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value:
                connection.putheader(name.replace("_", "-"), value.encode())
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(content) if is_json else content.decode()
    finally:
        connection.close()


def test_a_browsers_recording_is_decoded_from_its_bytes(tmp_path: Path) -> None:
    """Within what Opus loses: the samples lie where they lay, as loud as they were."""
    from panels import decoded
    from words import spoken

    samples = spoken("no", peak=0.8, seed=0)
    write_ffmpeg(tmp_path / "no.webm", samples, rate_hz=RATE_HZ, encoding=OPUS)
    found, rate_hz = decoded((tmp_path / "no.webm").read_bytes())
    assert rate_hz == RATE_HZ
    assert len(found) == pytest.approx(len(samples), abs=0.021 * RATE_HZ)  # Opus has packets of 20 ms
    common = min(len(found), len(samples))
    assert np.corrcoef(found[:common], samples[:common])[0, 1] > 0.99
    assert np.abs(found).max() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("n_bytes", [0, 40, 200])
def test_what_holds_no_sound_yet_is_told(webm: bytes, n_bytes: int) -> None:
    from panels import NotASound, decoded

    with pytest.raises(NotASound):
        decoded(webm[:n_bytes])


def test_ffmpeg_takes_one_format_and_a_bounded_length(tmp_path: Path) -> None:
    from panels import MOST_SECONDS, NotASound, decoded

    write_sndfile(tmp_path / "a.wav", sine(seconds=0.1, rate_hz=RATE_HZ), rate_hz=RATE_HZ, subtype="PCM_16")
    for other in ((tmp_path / "a.wav").read_bytes(), f"#EXTM3U\n#EXTINF:1,\nfile://{tmp_path}/a.wav\n".encode()):
        with pytest.raises(NotASound):
            decoded(other)
    write_ffmpeg(tmp_path / "long.webm", np.zeros((MOST_SECONDS + 5) * 8_000), rate_hz=8_000, encoding=OPUS)
    with pytest.raises(NotASound, match=f"longer than {MOST_SECONDS} seconds"):
        decoded((tmp_path / "long.webm").read_bytes())


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"Host": "evil.example"}, 421),
        ("GET", "/", {"Host": "127.0.0.1"}, 421),
        ("GET", "/", {"Host": ""}, 421),
        ("GET", "/../record.py", {}, 404),
        ("GET", "/record.py", {}, 404),
        ("GET", "/%2e%2e/tiny.yaml", {}, 404),
        ("POST", "/panels", {"Origin": "http://evil.example"}, 403),
        ("POST", "/panels", {"Origin": "null"}, 403),
        ("POST", "/save?name=a", {"Origin": ""}, 403),
        ("POST", "/panels", {"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ("POST", "/panels", {"Content_Length": str(1 << 40)}, 413),
        ("POST", "/panels", {"Content_Length": "-1"}, 411),
        ("POST", "/panels", {"Content_Length": "²"}, 411),
        ("POST", "/panels", {"Content_Length": ""}, 411),
        ("POST", "/panels", {"Content_Length": "9" * 5_000}, 411),
        ("POST", "/panels", {}, 422),
        ("POST", "/elsewhere", {}, 404),
        ("PUT", "/panels", {}, 501),
    ],
)
def test_what_the_server_refuses(studio: Any, method: str, path: str, headers: dict[str, str], status: int) -> None:
    assert asked(studio, method, path, **headers)[0] == status


def test_a_recording_that_breaks_off_is_not_kept(studio: Any, webm: bytes) -> None:
    ours = f"127.0.0.1:{studio.server_port}"
    head = f"POST /save?name=broken HTTP/1.1\r\nHost: {ours}\r\nOrigin: http://{ours}\r\nContent-Length: {len(webm)}"
    with socket.create_connection(studio.server_address, timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(f"{head}\r\n\r\n".encode() + webm[:-100])
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(100)
    assert not (studio.recordings / "broken.webm").exists()


def test_an_ffmpeg_that_hangs_holds_nobody_up(webm: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from panels import NotASound, decoded

    hanging = tmp_path / "ffmpeg"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    monkeypatch.setattr("panels.imageio_ffmpeg.get_ffmpeg_exe", lambda: str(hanging))
    monkeypatch.setattr("panels.PATIENCE_SECONDS", 0.2)
    with pytest.raises(NotASound, match="not done"):
        decoded(webm)


@pytest.mark.parametrize("name", ["", "..", "../a", "/tmp/a", "a/b", "a\\b", ".a", "-a", "a.wav", "a\0", "x" * 65])
def test_a_name_is_no_path(studio: Any, webm: bytes, name: str) -> None:
    before = sorted(studio.recordings.parent.rglob("*"))
    status, answer = asked(studio, "POST", f"/save?name={quote(name, safe='')}", webm)
    assert (status, "is no name" in answer["error"]) == (400, True)
    assert sorted(studio.recordings.parent.rglob("*")) == before


def test_it_listens_on_this_machine_only(studio: Any) -> None:
    assert studio.server_address[0] == "127.0.0.1"
    status, page = asked(studio, "GET", "/")
    assert (status, "<title>Record keywords</title>" in page) == (200, True)


def test_a_tone_is_where_it_should_be_in_all_panels(studio: Any, webm: bytes) -> None:
    status, answer = asked(studio, "POST", "/panels", webm)
    assert status == 200
    assert answer["seconds"] == pytest.approx(1.0, abs=0.03)
    assert [panel["name"] for panel in answer["panels"]] == ["waveform", "spectrum", "spectrogram", "log_mel"]
    waveform, spectrum, spectrogram, log_mel = answer["panels"]
    assert float(waveform["y"][-1][1]) == pytest.approx(0.5, abs=0.1)
    place = np.argmax(spectrum["heights"]) / len(spectrum["heights"])
    assert 20.0 * (RATE_HZ / 2 / 20.0) ** place == pytest.approx(TONE_HZ, rel=0.03)
    assert loudest_row(spectrogram) / spectrogram["height"] == pytest.approx(TONE_HZ / (RATE_HZ / 2), abs=0.01)
    assert loudest_row(log_mel) == loudest_band(studio)


def loudest_row(panel: dict[str, Any]) -> int:
    """Of a panel's image, counted from below."""
    pixels = np.frombuffer(b64decode(panel["pixels"]), np.uint8).reshape(panel["height"], panel["width"])
    return int(panel["height"] - 1 - pixels.sum(axis=1, dtype=int).argmax())


def loudest_band(studio: Any) -> int:
    """The mel band in which the tone lies."""
    rows = studio.panels.features(sine(seconds=0.5, rate_hz=RATE_HZ, tone_hz=TONE_HZ).astype(np.float32), RATE_HZ)
    return int(rows["log_mel"].mean(axis=0).argmax())


def test_what_is_saved_is_what_was_shown_and_figures_are_drawn_of_it(studio: Any, webm: bytes, folder: Path) -> None:
    from figures import main
    from panels import decoded

    name = "ja 1_ä"
    status, answer = asked(studio, "POST", f"/save?name={quote(name)}", webm)
    assert (status, answer["failures"]) == (200, {})
    assert answer["clips"] == len(list(studio.recordings.iterdir())) >= 5
    assert (studio.recordings / f"{name}.webm").read_bytes() == webm
    assert asked(studio, "POST", f"/save?name={quote(name)}", webm)[0] == 409
    shown = studio.panels.features(*decoded(webm))
    with audiofeat.open_store(studio.store) as store:
        for feature, rows in store[name].items():
            np.testing.assert_allclose(rows, shown[feature], atol=1e-3, err_msg=feature)
        digest = store.digest
    arguments = ["--recordings", str(studio.recordings), "--store", str(studio.store), "-o", str(folder / "four.png")]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert (folder / "four.png").stat().st_size < 200_000
    with audiofeat.open_store(studio.store) as store:
        assert store.digest == digest
        hiss = {key: store[key]["spectrogram"][:, 300:].max() for key in ("yes_loud", "no_loud")}  # above 7 kHz
    assert hiss["yes_loud"] - hiss["no_loud"] > 20


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    """A headless Chromium whose microphone hears a tone."""
    heard = sine(seconds=4.0, rate_hz=RATE_HZ, tone_hz=TONE_HZ)
    write_sndfile(folder / "microphone.wav", heard, rate_hz=RATE_HZ, subtype="PCM_16")
    microphone = (
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={folder / 'microphone.wav'}",
    )
    with chromium(*microphone, "--use-fake-ui-for-media-stream") as found:
        yield found.driver


@needs_browser
def test_a_browser_records_watches_and_saves(studio: Any, browser: Any) -> None:
    def page_has(script: str) -> Any:
        return browser.execute_script(f"return {script}")

    def element(name: str) -> Any:
        return browser.find_element("id", name)

    browser.get(f"http://127.0.0.1:{studio.server_port}/")
    element("record").click()
    pictures = []
    for more_than in (0, 1.5):  # while it records: after the first second, and after the second
        until(lambda least=more_than: page_has("latest ? latest.seconds : 0") > least)
        pictures.append(page_has("Array.from(document.querySelectorAll('canvas'), one => one.toDataURL())"))
        assert page_has("recorder.state") == "recording"
    assert [len(urls) for urls in pictures] == [4, 4]
    assert len({*pictures[0], *pictures[1]}) == 8
    assert float(page_has("latest.panels[0].y.at(-1)[1]")) == pytest.approx(0.5, abs=0.12)  # the mean of both channels
    element("record").click()
    until(lambda: element("save").is_enabled())
    element("name").send_keys("tone")
    element("save").click()
    until(lambda: element("status").text not in ("Saving", "Give it a name, and save it."))
    assert element("status").text.startswith("Saved tone; ")
    for width in (1280, 390):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        until(lambda wanted=width: page_has("innerWidth") == wanted)
        assert page_has("document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []
    with audiofeat.open_store(studio.store) as store:
        levels_db = store["tone"]["spectrogram"]
        middle_db = levels_db[len(levels_db) // 2]
        assert middle_db.argmax() * RATE_HZ / N_FFT == pytest.approx(TONE_HZ, abs=RATE_HZ / N_FFT)
        # Of a sine's amplitude, a Hann window leaves a quarter of its length. Both channels as one: their mean.
        assert middle_db.max() == pytest.approx(20 * np.log10(0.5 * N_FFT / 4), abs=1.0)
        assert store.read("tone", "log_mel", 100, 101).argmax() == loudest_band(studio)


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_front_end_is_small_and_is_the_original_but_for_what_is_told() -> None:
    on_cpu()
    import size

    model, n_bytes = size.exported()
    assert n_bytes < 50_000
    for clip in (size.noise(), size.said("yes"), size.said("no")):
        mean, largest, correlation = size.distance(model(clip), size.original(clip, **size.OFF))
        assert mean < 0.6  # steps of 1/64: 0.08 dB
        assert largest < 4
        assert correlation > 0.98
        assert size.distance(model(clip), size.original(clip, **size.ON))[2] < 0.9
    assert size.microseconds(model, size.noise(), repeats=1) > 0


@pytest.mark.real_data
def test_the_same_of_real_words(real_data: Path) -> None:
    on_cpu()
    import size
    import soxr

    model, _ = size.exported()
    for path in sorted((real_data / "yes_no").iterdir()):
        samples, rate_hz = soundfile.read(path)
        clip = np.round(soxr.resample(samples, rate_hz, 16_000) * 32_767).astype(np.int16)
        mean, largest, _ = size.distance(model(clip), size.original(clip, **size.OFF))
        assert (mean < 0.6, largest < 4) == (True, True), path


@pytest.mark.parametrize("script", ["figures", "record", "size"])
def test_each_script_says_what_it_does(script: str) -> None:
    done = CliRunner().invoke(__import__(script).main, ["--help"], catch_exceptions=False)
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5


def test_a_wrong_configuration_is_told_before_anything_is_served(tmp_path: Path) -> None:
    from record import main

    (tmp_path / "job.yaml").write_text("features: {log_mell: {}}\n")
    done = CliRunner().invoke(main, ["--config", str(tmp_path / "job.yaml")])
    assert done.exit_code == 1
    assert "log_mell" in done.output
