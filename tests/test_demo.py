"""The demonstration, and the reports it writes: what is told, that it is whole, and that it is safe to open."""

import base64
import io
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import override

import pandas as pd
import pytest
from matplotlib.figure import Figure
from rich.console import Console

import burgee
from burgee import demo, report
from burgee.core.display import Sheet
from real_data import real_file
from services import children

ENV = {**os.environ, "COLUMNS": "140", "BURGEE_PROGRESS": "0"}
COLUMNS = {"stream": "user_id", "type": "event", "time": "timestamp"}
HOSTILE = '<script>alert("1")</script>'


class Page(HTMLParser):
    """An HTML file: its texts, its tags, and everything in it that could fetch something."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: list[str] = []
        self.styles = ""
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    @override
    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["style"]:
            self.styles += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts)

    def images(self) -> list[str]:
        """The images, as SVG."""
        found = [value for name, value in self.attributes if name == "src"]
        return [base64.b64decode(one.partition("base64,")[2]).decode() for one in found]

    def fetched(self) -> list[str]:
        """What a browser would go and get, or run, if it opened the page."""
        named = {"src", "srcset", "href", "xlink:href", "action", "formaction", "data", "poster", "background"}
        urls = [value for name, value in self.attributes if name in named]
        urls += re.findall(r"url\(\s*['\"]?([^)'\"]*)", self.source)
        for image in self.images():
            urls += re.findall(r"""(?:href|src)\s*=\s*["']([^"']*)""", image)
            urls += re.findall(r"url\(\s*['\"]?([^)'\"]*)", image)
        active = [tag for tag in self.tags if tag in {"script", "iframe", "object", "embed", "link", "base", "form"}]
        handlers = [name for name, _ in self.attributes if name.startswith("on")]
        return [url for url in urls if not url.startswith(("#", "data:image/svg+xml;base64,"))] + active + handlers


def play(folder: Path, file: Path | None = None, steps: Sequence[str] | None = None) -> tuple[Path, str, Page]:
    """Run the demonstration: the folder it made, what it printed, its report."""
    console = Console(record=True, width=140, file=io.StringIO())
    place = demo.run(console, folder=folder, file=file, **COLUMNS, steps=steps)
    return place, console.export_text(), Page(place / "report.html")


def csv(folder: Path, rows: str) -> Path:
    path = folder / "clicks.csv"
    path.write_text(f"user_id,event,timestamp,country\n{rows}")
    return path


def numbers(text: str) -> set[float]:
    return {float(one.replace(",", "")) for one in re.findall(r"\d[\d,]*(?:\.\d+)?", text)}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Page]:
    """The demonstration on the sample shop."""
    return play(tmp_path_factory.mktemp("shop") / "demo")


def test_the_story_is_told_from_the_import_to_the_history(shop: tuple[Path, str, Page]) -> None:
    _, printed, _ = shop
    headings = re.findall(r"^\d  (.*)$", printed, re.MULTILINE)
    assert headings == [
        "What came in",
        "A flag, rolled out in steps",
        "Who is served what, and why",
        "The funnel of all users",
        "The funnel by variant",
        "Who changed what, when and why",
    ]
    events = burgee.samples.shop()
    assert f"{len(events):,} events of {events['user_id'].nunique():,} users" in printed
    assert printed.index("The report: ") < printed.index("burgee flags one-page-checkout --tenant demo")


def test_every_number_that_is_printed_is_in_the_report_too(shop: tuple[Path, str, Page]) -> None:
    _, printed, page = shop
    story = printed.partition("The report: ")[0]
    assert len(numbers(story)) > 40
    assert numbers(re.sub(r"^\d  .*$", "", story, flags=re.MULTILINE)) - numbers(page.text) == set()


def test_the_report_needs_nothing_from_elsewhere_and_shows_four_plots(shop: tuple[Path, str, Page]) -> None:
    _, _, page = shop
    assert page.fetched() == []
    assert len(page.images()) == 4
    assert all(name and "plot" not in name for attribute, name in page.attributes if attribute == "alt")
    assert "prefers-color-scheme: dark" in page.styles
    assert ("http-equiv", "Content-Security-Policy") in page.attributes


def test_the_rollout_of_the_story_is_in_the_workspace_with_its_words(shop: tuple[Path, str, Page]) -> None:
    place, printed, _ = shop
    with burgee.open(str(place / ".burgee")) as ws:
        tenant = ws.tenant("demo")
        history = tenant.flags["one-page-checkout"].history().frame()
        exposed = tenant.events.query("flag.exposure").frame()
        split = tenant.events.query().funnel(["flag.exposure", "purchase"], split="variant").frame()
    assert list(history["change"]) == ["created", "target", "enabled", "rollout", "rollout", "rollout"]
    assert all(words in printed for words in history["why"])
    assert history["at"].is_monotonic_increasing
    assert history["at"].iloc[-1] < pd.Timestamp.now(tz="UTC")
    first = split[split["step"] == "flag.exposure"].set_index("variant")["count"]
    assert first.to_dict() == exposed["variant"].value_counts().to_dict()
    assert set(first.index) == {"control", "treatment"}


def test_the_funnels_of_the_variants_are_those_of_their_users_alone(shop: tuple[Path, str, Page]) -> None:
    """The funnel split by exposures is what filtering the clicks by hand gives, without the exposures."""
    place, _, _ = shop
    clicks = burgee.samples.shop()
    with burgee.open(str(place / ".burgee")) as ws, burgee.open("memory://") as other:
        tenant = ws.tenant("demo")
        exposed = tenant.events.query("flag.exposure").frame().set_index("stream")["variant"]
        split = tenant.events.query().funnel(["flag.exposure", *demo.SHOP_STEPS], split="variant").frame()
        for variant in ("control", "treatment"):
            events = other.tenants.create(variant).events
            mine = clicks[clicks["user_id"].isin(exposed.index[exposed == variant])]
            events.ingest(mine, stream="user_id", type="event", time="timestamp")
            expected = events.query().funnel(demo.SHOP_STEPS).frame()["count"]
            assert list(split[split["variant"] == variant]["count"])[1:] == list(expected)


def test_a_second_run_takes_a_fresh_folder_and_leaves_the_first_alone(tmp_path: Path) -> None:
    file = csv(tmp_path, "u1,a,2026-01-01,DE\nu2,a,2026-01-02,FR\nu1,b,2026-01-03,DE\n")
    first, _, _ = play(tmp_path / "demo", file)
    before = {path: path.read_bytes() for path in first.rglob("*") if path.is_file()}
    second, printed, _ = play(tmp_path / "demo", file)
    third, _, _ = play(tmp_path / "demo", file)
    assert [place.name for place in (first, second, third)] == ["demo", "demo-2", "demo-3"]
    assert "demo-2" in printed
    assert {path: path.read_bytes() for path in first.rglob("*") if path.is_file()} == before


def test_a_file_in_the_way_is_left_alone_and_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    assert demo.fresh(tmp_path / "demo") == tmp_path / "demo-2"
    assert demo.fresh(tmp_path / "demo") == tmp_path / "demo-3"
    assert (tmp_path / "demo").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert demo.fresh(tmp_path / "empty") == tmp_path / "empty"
    assert demo.fresh(tmp_path / "deep" / "er").is_dir()


def test_a_real_clickstream_gives_its_known_funnel_without_being_told_the_steps(tmp_path: Path) -> None:
    _, printed, page = play(tmp_path / "demo", real_file("ecom.csv.gz"))
    assert "31,106 events of 600 users came in, 2024-01-04 to 2024-06-29" in printed
    funnel = printed.partition("The funnel of all users")[2].partition("The funnel by variant")[0]
    for step, users in (("catalog", 600), ("add_to_cart", 511), ("purchase", 285)):
        assert re.search(rf"^{step} +{users} ", funnel, re.MULTILINE)
    assert {600.0, 511.0, 285.0, 31106.0} <= numbers(page.text)
    assert page.fetched() == []


def test_steps_can_be_given(tmp_path: Path) -> None:
    rows = "".join(f"u{n},{step},2026-01-0{day},DE\n" for n in range(9) for day, step in enumerate("abc", 1))
    _, printed, _ = play(tmp_path / "demo", csv(tmp_path, rows), ["a", "c"])
    assert "9 of 9 users went from a all the way to c" in printed


@pytest.mark.parametrize("rows", ["u1,a,2026-01-01,DE\n", "".join(f"u{n},e{n},2026-01-01,\n" for n in range(30))])
def test_a_clickstream_that_makes_no_funnel_is_shown_all_the_same(tmp_path: Path, rows: str) -> None:
    _, printed, page = play(tmp_path / "demo", csv(tmp_path, rows))
    assert "Who changed what, when and why" in printed
    assert page.fetched() == []


def test_what_the_data_says_is_shown_as_it_stands_and_never_run(tmp_path: Path) -> None:
    kinds = ('"<script>alert(""1"")</script>"', "</td></table><h1>", "[red]loud")
    countries = ('"[bold]<img src=x onerror=alert(1)>\x1b[31m"', "DE")
    rows = "".join(
        f"<b>u{user},{kind},2026-01-0{day} 10:00,{countries[user > 9]}\n"
        for user in range(40)
        for day, kind in enumerate(kinds, 1)
    )
    _, printed, page = play(tmp_path / "demo", csv(tmp_path, rows), [HOSTILE, "[red]loud"])
    assert page.fetched() == []
    assert page.tags.count("h1") == 1
    assert page.tags.count("img") == len(page.images()) == 4
    assert HOSTILE in page.text
    assert "<img src=x onerror=alert(1)>" in page.text
    for words in (HOSTILE, "[red]loud", "[bold]<img src=x onerror=alert(1)>"):
        assert words in printed
    assert "\x1b" not in printed


def test_a_wrong_column_is_answered_in_a_line_and_leaves_no_folder_to_clear_away(tmp_path: Path) -> None:
    csv(tmp_path, "u1,a,2026-01-01,DE\n")
    command = [sys.executable, "-m", "burgee", "demo", "clicks.csv"]
    wrong = children.run([*command, "--stream", "user"], cwd=tmp_path, env=ENV)
    assert wrong.returncode == 1
    assert "did you mean 'user_id'?" in wrong.stderr
    right = children.run(command, cwd=tmp_path, env=ENV)
    assert "The report: demo/report.html" in right.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clicks.csv", "demo"]


def test_a_file_without_events_says_so(tmp_path: Path) -> None:
    with pytest.raises(burgee.InvalidInputError, match=r"clicks\.csv holds no events"):
        play(tmp_path / "demo", csv(tmp_path, ""))


def test_a_database_of_the_environment_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURGEE_DATABASE", f"sqlite:///{tmp_path}/precious.db")
    play(tmp_path / "demo", csv(tmp_path, "u1,a,2026-01-01,DE\n"))
    assert not (tmp_path / "precious.db").exists()


def test_without_matplotlib_there_are_tables_and_a_word_about_it(tmp_path: Path) -> None:
    csv(tmp_path, "u1,a,2026-01-01,DE\nu2,a,2026-01-02,FR\nu1,b,2026-01-03,DE\n")
    code = "import sys; sys.modules['matplotlib'] = None; from burgee.cli import main; main()"
    command = [sys.executable, "-c", code, "demo", "clicks.csv"]
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, check=True)
    assert "pip install 'burgee[notebook]'" in done.stdout
    page = Page(tmp_path / "demo" / "report.html")
    assert page.tags.count("table") == 6
    assert page.images() == []


def test_steps_are_chosen_so_that_each_is_done_by_fewer_users() -> None:
    done_by = {"seen": 100, "also-seen": 99, "tried": 60, "bought": 20, "praised": 2}
    rows = [(kind, f"u{n}") for kind, users in done_by.items() for n in range(users)]
    frame = pd.DataFrame(rows, columns=["type", "stream"])
    frame["occurred_at"] = pd.Timestamp("2026-01-01", tz="UTC")
    assert demo.funnel_steps(frame) == ("seen", "tried", "bought")
    assert demo.funnel_steps(frame.head(0)) == ()


def test_a_report_shows_all_that_it_takes_and_refuses_the_rest(tmp_path: Path) -> None:
    figure = Figure()
    figure.add_subplot().set_title("A line & more")
    parts: list[report.Part] = [
        "Words & more",
        Sheet("A sheet", ("name", "n"), [("x<y", 3)], "a note"),
        pd.DataFrame({"column": ["cell", None], "share": [0.25, float("nan")]}),
        report.Facts([("users", "1,234")]),
        report.Code('flag = "a<b"'),
        figure,
    ]
    path = report.write(tmp_path / "a.html", title="T<itle", lead="The lead", sections={"Head & shoulders": parts})
    page = Page(path)
    for words in ("T<itle", "The lead", "Head & shoulders", "Words & more", "x<y", "a note", "cell", "0.25", "1,234"):
        assert words in page.text
    assert 'flag = "a<b"' in page.text
    assert ("alt", "A line & more") in page.attributes
    assert page.fetched() == []
    again = report.html(title="T<itle", lead="The lead", sections={"Head & shoulders": parts})
    assert again.partition("<footer>")[0] == page.source.partition("<footer>")[0]
    with pytest.raises(burgee.InvalidInputError, match="can't show a set"):
        report.html(title="", sections={"": [{1, 2}]})  # type: ignore[list-item] # that is the mistake


def test_a_section_on_a_terminal_is_read_as_text_and_not_as_markup() -> None:
    console = Console(width=80)
    sheet = Sheet("", ("[red]a[/red]", "n", "x"), [("[b]", 12_345, 0.25), ("\x1b]0;title\x07", None, float("nan"))])
    with console.capture() as captured:
        report.show(console, "Heading", ["[link=x]words", sheet, pd.DataFrame({"day": [pd.Timestamp("2026-01-02")]})])
    said = captured.get()
    for words in ("[red]a[/red]", "[b]", "12,345", "0.2", "[link=x]words", "2026-01-02 00:00"):
        assert words in said
    assert "nan" not in said
    assert "\x1b" not in said
