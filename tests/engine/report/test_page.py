"""The page is one file that shows all it says, in a browser that reaches nothing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import cv2
import pytest

from engine.report import Findings, measure, page
from engine.report.pictures import worst_places
from tests.engine.report.jobs import FRAMES, SEAMS, finished

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
PATIENCE = 40  # seconds


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return measure(finished(tmp_path_factory.mktemp("hard"), unlike=True))


@pytest.fixture(scope="module")
def html(hard: Findings) -> str:
    return page(hard)


def test_nothing_is_loaded_from_anywhere(html: str) -> None:
    addresses = re.findall(r"(?:src|href)=\"([^\"]{0,40})|url\(([^)]{0,40})", html)
    assert len(addresses) > 20
    assert all((one or other).startswith("data:image/jpeg;base64,") for one, other in addresses)
    assert "http" not in html
    assert len(html) < 5_000_000


def test_the_worst_moments_are_the_seams_that_can_be_seen(hard: Findings) -> None:
    places = worst_places(hard)
    assert len(places) == 3
    assert {place.frame for place in places[:2]} == set(SEAMS)
    assert all(place.words.startswith("at a seam") for place in places[:2])


def browse(html: str, folder: Path, *options: str) -> str:
    """What headless Chromium prints of a page. A browser that hangs is ended with all its children, and skipped."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    (folder / "page.html").write_text(html, encoding="utf-8")
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        (folder / "out").open("wb") as out,
        (folder / "err").open("wb") as err,
    ):
        command = [CHROMIUM, *QUIET, f"--user-data-dir={profile}", *options, (folder / "page.html").as_uri()]
        browser = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True, cwd=folder
        )
        try:
            browser.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.skip(f"Chromium did not answer within {PATIENCE} s")
        finally:
            _end(browser)
    return (folder / "out").read_text(encoding="utf-8", errors="replace")


def _end(browser: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(browser.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    browser.wait(timeout=10)


PROBE = """
<script>
const all = [...document.images];
Promise.all(all.map((image) => image.decode().then(() => image.naturalWidth, () => 0))).then((widths) => {
  document.getElementById("frame").value = 3;
  document.getElementById("frame").dispatchEvent(new Event("input"));
  document.getElementById("place").value = 20;
  document.getElementById("place").dispatchEvent(new Event("input"));
  const left = getComputedStyle(document.getElementById("left"));
  const lines = [...document.querySelectorAll("svg.chart path.line")].map((line) => line.getTotalLength() > 100);
  const number = document.getElementById("number").textContent;
  const slices = document.querySelectorAll("svg.slice image").length;
  const told = `widths=${widths} lines=${lines} clip=${left.clipPath} number=${number} slices=${slices}`;
  document.body.append(`PROBE ${told}.`);
});
</script>
"""


def probe(html: str, folder: Path) -> tuple[str, re.Match[str] | None]:
    """The page and what the probe says; asked again where a busy machine had not decoded the pictures in time."""
    dom, found = "", None
    for _ in range(3):
        dom = browse(html.replace("</body>", PROBE + "</body>"), folder, "--dump-dom", "--virtual-time-budget=4000")
        told = dom.split("</script>")[-1]
        found = re.search(r"PROBE widths=(.*) lines=(.*) clip=(.*) number=frame (\d+) slices=(\d)\.", told)
        if found is not None:
            break
    return dom, found


def test_chart_pictures_and_slider_are_there_in_a_browser(html: str, tmp_path: Path) -> None:
    dom, found = probe(html, tmp_path)
    assert found is not None
    widths, lines, clip, number, slices = found.groups()
    assert len(widths.split(",")) == 3 * 7
    assert min(map(int, widths.split(","))) > 50
    assert lines == "true,true,true,true,true"
    assert "80%" in clip
    assert int(number) == int(re.findall(r'data-start="(\d+)"', html)[0]) + 3
    assert slices == "3"
    for seam in SEAMS:
        assert f">{seam}</text>" in dom


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_drawn_light_and_dark(html: str, tmp_path: Path, dark: bool) -> None:
    scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
    browse(html, tmp_path, f"--screenshot={tmp_path / 'page.png'}", "--window-size=1100,900", *scheme)
    picture = cv2.imread(str(tmp_path / "page.png"))
    assert picture is not None
    corner = picture[-1, -1].mean()
    assert corner < 60 if dark else corner > 230
    assert picture[300:700, 60:700].std() > 20  # the wipe shows pictures


@pytest.mark.parametrize("frames", [1, 2, 9])
def test_the_shortest_clips_have_a_page_as_well(tmp_path: Path, frames: int) -> None:
    findings = measure(finished(tmp_path, unlike=False, frames=frames))
    told = re.sub(r"base64,[^\")]*", "", page(findings))
    assert "There is no seam: every shot was restyled in one piece." in told
    assert not re.search(r"\bnan\b", told)


def test_a_long_clip_s_chart_has_no_more_points_than_columns(hard: Findings) -> None:
    import torch

    from engine.report.chart import COLUMNS, Axis, Marks, time_chart

    values = torch.rand(50_000)
    values[31_234] = 9.0
    drawn = time_chart(Axis(50_000, 25.0), {"result": values}, Marks([], [], []), tall=200, least=1.0)
    assert drawn.count("L") <= COLUMNS
    assert f"{Axis(50_000, 25.0).x(31_234):.1f} " in drawn  # no peak is lost
    assert hard.job.frames == FRAMES
