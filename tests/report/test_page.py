"""The page as a reader, a screen reader and a browser take it."""

import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ntk_repro.papers import FIGURES, find_figures
from ntk_repro.papers.costs import Cost
from ntk_repro.papers.listing import PresetState
from ntk_repro.papers.presets import Preset
from ntk_repro.report import Entry, Result, Shown, page, write_report
from tests.refusals import refused
from tests.report.verdicts import claim

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (640).to_bytes(4, "big") + (480).to_bytes(4, "big")
VOID = {"meta", "link", "img", "br"}


class Elements(HTMLParser):
    """Every element with its attributes; refuses a page whose tags do not match."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def entry(*claims, seconds=(61.2,)):
    figure, folder = FIGURES["lee2019/fig1"], Path("study/0123")
    quick, laptop = Preset("quick", Cost(1), ()), Preset("laptop", Cost(60), ())
    states = (PresetState(quick, (folder,), 1), PresetState(laptop, (folder,) * 3, 0))
    result = Result(figure, "quick", "MNIST", [], {}, ["cpu: cpu"], [], ["study/0123"], None, list(claims), {})
    return Entry(figure, states, Shown(result, PNG, seconds))


def test_every_figure_has_its_section_on_the_page_of_real_runs(entries):
    elements = Elements(page(entries))
    ids = [attributes["id"] for _, attributes in elements.found if attributes.get("id")]
    assert len(ids) == len(set(ids))
    links = {(a["href"] or "")[1:] for a in elements.of("a")}
    assert {"lee2019-fig1", "ortiz2021-fig1", "lee2019", "ortiz2021"} <= links <= set(ids)
    assert [len(elements.of("article")), len(elements.of("h1")), len(elements.of("main"))] == [2, 1, 1]
    assert "Not computed yet. ntk-repro run lee2019/fig1 --preset quick : 0 of 5 runs done" in elements.text
    assert "Again: ntk-repro run ortiz2021/fig1 --preset quick" in elements.text
    assert re.search(r"0 of 5 runs done; [\d.]+ \w+ here", elements.text)
    shown = entries[1].shown.result.claims[0]
    assert f"{shown['number']:.4g}" in elements.text


def test_nothing_is_fetched_and_every_picture_has_words(entries):
    text = page(entries)
    elements = Elements(text)
    (picture,) = [a for a in elements.of("img") if "src" in a]
    assert (picture["src"] or "").startswith("data:image/png;base64,")
    assert picture["alt"]
    assert "default-src 'none'" in next(a["content"] or "" for a in elements.of("meta") if "http-equiv" in a)
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", text)
    assert dict(elements.found)["html"] == {"lang": "en"}


def test_verdicts_are_shown_counted_and_named():
    rows = [claim(0.702, paper=0.636, note="JPEG"), claim(-2.0, False), claim(None, None)]
    elements = Elements(page([entry(*rows)]))
    assert "holds 0.702 0.636 +0.066 slope (JPEG)" in elements.text
    assert "paper difference what the number is" in elements.text
    assert "On them 1 of 3 claims hold, 1 undetermined ." in elements.text
    assert [a["class"] for a in elements.of("td") if a.get("class") in ("yes", "no", "open")] == ["yes", "no", "open"]
    assert "1 of 3 claims hold, 1 undetermined" in (elements.of("img")[0]["alt"] or "")


def test_what_runs_say_is_text_and_never_markup():
    elements = Elements(page([entry(claim(subject='<script>alert("x")</script>', note="a < b & c"))]))
    assert '<script>alert("x")</script>' in elements.text
    assert "a < b & c" in elements.text
    assert len(elements.of("script")) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [((61.2,), "0:01:02"), ((None,), "not recorded"), ((3600.0, None), "1:00:00 (1 of 2 runs not recorded)")],
)
def test_run_times_are_added_up(seconds, said):
    assert f"run time {said} device" in Elements(page([entry(claim(), seconds=seconds)])).text


@pytest.mark.slow
def test_the_command_writes_the_page_and_its_pictures(runs, tmp_path):
    found = write_report(tmp_path / "page.html", root=runs, figures=find_figures("ortiz2021/fig1"))
    assert len(found) == 1
    assert (tmp_path / "page" / "quick" / "ortiz2021_fig1.png").exists()
    assert Elements((tmp_path / "page.html").read_text()).of("article")


def test_a_page_named_as_a_folder_is_one_sentence_before_anything_is_drawn(tmp_path):
    (tmp_path / "page.html").mkdir()
    for name in ("page.html", "report"):
        refused(rf"name a file, such as .*{name}\.html", write_report, tmp_path / name, root=tmp_path, figures=[])
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
needs_browser = pytest.mark.skipif(not BROWSER, reason="needs a browser: apt install chromium")


def opened(path: Path, entries: list[Entry], script: str) -> subprocess.CompletedProcess[str]:
    """The page with a script, in a headless browser without network: its DOM, and its console on standard error."""
    path.write_text(page(entries).replace("</body>", f"<script>{script}</script></body>"))
    usual = ("--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000")
    offline = ("--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr")
    command = [BROWSER, *usual, *offline, "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)


@pytest.mark.slow
@needs_browser
def test_a_browser_shows_it_without_a_complaint_and_enlarges_a_picture(entries, tmp_path):
    click = """document.querySelector(".enlarge").click();
      document.title = [large.open, view.naturalWidth > 300, view.alt.length > 20].join();"""
    done = opened(tmp_path / "page.html", entries, click)
    assert "<title>true,true,true</title>" in done.stdout
    assert "CONSOLE" not in done.stderr


@pytest.mark.slow
@needs_browser
def test_axe_finds_nothing_to_complain_of(entries, tmp_path):
    axe = Path(os.environ.get("AXE_CORE", "node_modules/axe-core/axe.min.js"))
    if not axe.exists():
        pytest.skip(f"needs {axe}: npm install axe-core, or name its axe.min.js in AXE_CORE")
    library = axe.read_text(encoding="utf-8").replace("</script", "<\\/script")
    check = """window.onload = () => axe.run(document, {resultTypes: ["violations"]}).then(found => {
      document.title = "axe:" + found.violations.map(v => v.impact + " " + v.id).join("; ") + ";"; });"""
    assert "<title>axe:;</title>" in opened(tmp_path / "page.html", entries, f"{library};{check}").stdout
