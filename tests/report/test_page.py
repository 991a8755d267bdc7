import base64
import gzip
import hashlib
import io
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import FURTHER, IMAGE, METHODS, SCRIPT, made_rows, write_folder
from page_reader import Reader
from PIL import Image

from simbench.benchmark.rows import (
    read_rows,
    read_text,
    row_files,
)
from simbench.board.leaderboard import leaderboard
from simbench.methods.registry import find_entry
from simbench.report.figures import draw_leaderboard
from simbench.report.page import render, write_page
from simbench.report.page_data import (
    GROUPS,
    OTHERS,
    board_key,
    method_cards,
    safe_link,
    view_data,
)
from simbench.report.style import small_svg
from simbench.scenario.labels import LABELS
from simbench.scenario.scenario_file import available_scenarios
from simbench.scoring.metric_catalogue import METRICS


@pytest.fixture(scope="module")
def text(page):
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(text):
    return Reader(text)


def test_boards_that_rank_nobody_come_last():
    quick = made_rows(scenario="quick")
    old = made_rows(scenario="old").drop_duplicates(["method", "target"])
    old = old.assign(metric="published_ari", split="neuron", probe="none")
    old = pd.concat([made_rows(scenario="old"), old], ignore_index=True)
    settings = made_rows(scenario="ablation")
    text = render({Path("nowhere"): pd.concat([settings, old, quick])}, "", Path("nowhere"))
    places = [text.index(f">{name} v1</h2>") for name in ("quick", "ablation", "old")]
    assert places[0] < min(places[1:])


def test_one_file_that_loads_nothing(read, text):
    for _, attrs in read.elements:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            value = attrs.get(name, "")
            assert value == "" or value.startswith(("data:", "#", "https://doi.org/")), value
        assert not [name for name in attrs if name.startswith("on")]
    assert "@import" not in text
    assert "url(" not in text
    policy = next(
        a["content"] for a in read.attributes("meta") if "content" in a and "src" in a["content"]
    )
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_only_the_script_and_style_of_the_page_are_allowed(read, text):
    policy = " ".join(a.get("content", "") for a in read.attributes("meta"))
    for tag in ("script", "style"):
        (body,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_names_are_text_and_never_markup(read, text):
    scripts = read.attributes("script")
    assert len(scripts) == 2  # the rows and the script of the page
    kinds = ("data:image/webp;base64,", "data:image/svg+xml,")
    assert [a for a in read.attributes("img") if not a["src"].startswith(kinds)] == []
    assert SCRIPT not in text
    assert IMAGE not in text
    assert SCRIPT in "".join(read.words)
    assert {a.get("data-method") for a in read.attributes("article")} >= {SCRIPT, IMAGE}
    assert "RuntimeError: <b>memory</b>" in " ".join("".join(read.words).split())
    assert "<b>memory" not in text


@cache
def elements_with(method):
    rows = made_rows(
        {"chance": METHODS["chance"], method: ("outside", 0.5)}, n_cultures=3, targets=["d"]
    ).query("probe == 'linear'")
    return [tag for tag, _ in Reader(render({Path("nowhere"): rows}, "", Path("nowhere"))).elements]


@pytest.fixture(scope="module")
def usual():
    return Counter(elements_with("plain"))


@settings(max_examples=20, deadline=None)
@given(st.text("<>\"'&/-!{}%= `a\\\x00\n\u2028", min_size=1, max_size=30) | st.text(min_size=1))
def test_no_name_adds_an_element(usual, name):
    assert Counter(elements_with(name)) == usual


@pytest.mark.parametrize(
    ("link", "safe"),
    [
        ("https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("doi:10.1000/x<y", "https://doi.org/10.1000/x%3Cy"),
        ("javascript:alert(1)", ""), ("data:text/html,x", ""), ("//example.org", ""),
        ("https:", ""), ("http://[", ""), (" javascript:alert(1)", ""), (None, ""), (3, ""),
    ],
)  # fmt: skip
def test_links_are_http_or_nothing(link, safe):
    assert safe_link(link) == safe


def test_table_shows_the_numbers_of_the_leaderboard(read):
    table = leaderboard(made_rows(scenario="types", version=2)).table
    lines = [line for line in read.lines if len(line) > 5 and line[1].startswith("avae")]
    best = table.loc["avae"]
    shown = lines[1]  # after the two of `ladder` come those of version 2
    about = best["method"]
    expected = (
        f"{about['recovery']:.2f} [{about['recovery_low']:.2f}, {about['recovery_high']:.2f}]"
    )
    assert expected in [" ".join(" ".join(cell.split()) for cell in line[2:3]) for line in lines]
    assert f"+{best['firing_type', 'leakage_gap']:.2f}" in [cell.strip() for cell in shown]
    assert "31 k" in [cell.strip() for cell in shown]


def test_versions_are_shown_apart_newest_first(read):
    titles = [a["aria-labelledby"] for a in read.attributes("section")]
    assert titles[:3] == ["ladder-title", "types-title", "types-v1-title"]
    words = [word.strip() for word in read.words]
    assert words.index("ladder v1") < words.index("types v2") < words.index("types v1")


def test_everything_that_the_page_owes_is_there(read, text):
    words = " ".join(" ".join(read.words).split())
    for what in (
        "failed: RuntimeError", "Floor, ceiling and other controls", "ties", "leakage gap",
        "coverage", "Holm", "From floor to ceiling", "Score by level", "The methods",
        "How each number is defined", "How to submit", "principal components of the trace",
        "JMLR 12:2825",
    ):  # fmt: skip
        assert what in words, what
    assert read.attributes("html")[0]["lang"] == "en"


def drawings(text, board):
    """Titles of the figures of a board, and the figures as SVG."""
    part = text.split(f'id="{board}"')[1].split("</section>")[0]
    images = [a for a in Reader(part).attributes("img") if a["src"].startswith("data:image/svg")]
    return [(a["alt"].split(":")[0], unquote(a["src"].split(",", 1)[1])) for a in images]


def test_figures_are_those_of_the_board_with_either_probe(text, results):
    shown = drawings(text, "types")
    assert [title for title, _ in shown] == ["From floor to ceiling"] * 2
    rows = read_rows(results / "types-2")
    for (_, svg), probe in zip(shown, ("linear", "nonlinear")):
        assert svg == small_svg(draw_leaderboard(leaderboard(rows, probe)))


def test_figures_are_sound_whatever_the_names(text):
    shown = drawings(text, "ladder")
    assert len(shown) == 2 * 2
    assert {title for title, _ in shown} == {"From floor to ceiling", "Score by level (level)"}
    for _, svg in shown:
        tree = ElementTree.fromstring(svg)
        assert {"avae", "trace-stats"} <= {"".join(node.itertext()) for node in tree.iter()}
        assert not [node for node in tree.iter() if node.tag.endswith(("script", "image"))]
        links = [v for node in tree.iter() for k, v in node.items() if k.endswith("href")]
        assert all(link.startswith("#") for link in links)
        there = {f"#{node.get('id')}" for node in tree.iter()}
        assert {*links, *re.findall(r"url\((#\w+)\)", svg)} <= there


def test_download_holds_the_very_rows(results, text):
    packed = re.search(r'<script type="text/plain" id="rows">(.*?)</script>', text, re.S)[1]
    stored = "".join(map(read_text, row_files(results)))
    assert gzip.decompress(base64.b64decode(packed)).decode() == stored


def test_the_same_rows_give_the_same_bytes(results, page, tmp_path):
    assert write_page(results, tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_the_picture_of_the_whole_comes_first_and_recordings_last(tmp_path):
    write_folder(tmp_path, made_rows())
    assert "Held against recordings" not in write_page(tmp_path).read_text()
    (tmp_path / "validation").mkdir()
    for name in ("cultures", "optics", "ranks"):
        Image.new("RGB", (300, 200)).save(tmp_path / "validation" / f"{name}.png")
    text = write_page(tmp_path).read_text()
    after = Reader(text[text.index("Held against recordings") :])
    assert [image["alt"] for image in after.attributes("img")] == ["cultures", "optics"]
    words = " ".join(after.words)
    assert all(each in words for each in ("Rasters of real", "Measured traces"))
    first = Reader(text[: text.index('class="board"')])
    assert [image["alt"] for image in first.attributes("img")] == ["ranks"]
    assert "order of methods carry over" in " ".join(first.words)


def test_a_board_says_how_like_real_ones_its_cultures_are(tmp_path):
    write_folder(tmp_path, made_rows(scenario="firing-types"))
    (tmp_path / "validation").mkdir()
    table = "scenario,condition,statistic,distance\n" + "".join(
        f"firing-types,{line}\n" for line in (",mean_rate_hz,0.5", ",isi_cv,-1.2", "one,isi_cv,0")
    )
    (tmp_path / "validation" / "cultures.csv").write_text(table)
    words = " ".join(Reader(write_page(tmp_path).read_text()).words)
    assert "like real cultures" in words
    assert "1 of 2 statistics; outside: isi cv" in words


def test_scenarios_are_grouped_by_their_question(read):
    groups = [group["label"] for group in read.attributes("optgroup")]
    assert groups == [group for group in (*GROUPS, OTHERS) if group in groups]
    named = {name for names in GROUPS.values() for name in names}
    assert named == set(available_scenarios())


def test_settings_that_were_counted_stand_in_the_table(tmp_path):
    rows = made_rows()
    rows.loc[rows["method"] == "avae", "settings_tried"] = 116
    write_folder(tmp_path, rows)
    board = Reader(write_page(tmp_path).read_text())
    assert "116" in board.words


def test_a_method_with_settings_is_described_as_the_method():
    rows = made_rows({"pca[n_components=8]": ("linear", 0.3), "pca2": ("linear", 0.3)})
    summaries = {card["method"]: card["summary"] for card in method_cards(rows, [])}
    assert summaries == {"pca[n_components=8]": find_entry("pca").summary, "pca2": ""}


def test_boards_have_names_that_stay(tmp_path):
    write_folder(tmp_path, made_rows(scenario="firing-types"), made_rows(scenario="abc"))
    text = write_page(tmp_path).read_text(encoding="utf-8")
    options = {a["value"]: a for a in Reader(text).attributes("option")}
    assert {name for name, a in options.items() if "selected" in a} == {"firing-types"}
    lines = [a["id"] for a in Reader(text).attributes("tr") if "id" in a]
    assert "firing-types/avae" in lines
    assert len(lines) == len(set(lines))
    links = {a["href"] for a in Reader(text).attributes("a") if "href" in a}
    assert {f"#{name}/avae" for name in options} <= links


def test_keys_of_boards_differ():
    taken = set()
    for scenario, version, scoring in [("a b", 2, 1), ("a b", 1, 2), ("a b", 1, 1), ("a/b", 1, 1)]:
        rows = pd.DataFrame(
            [{"scenario": scenario, "scenario_version": version, "scoring_version": scoring}]
        )
        taken.add(board_key(rows, taken))
    assert len(taken) == 4
    assert {"a-b", "a-b-v1"} < taken
    assert not [key for key in taken if re.search(r"[\s/]", key)]


def test_every_board_is_there_as_csv(text, results):
    links = [a for a in Reader(text).attributes("a") if "download" in a]
    assert len(links) == 2 * 3
    (link,) = (a for a in links if a["download"] == "types-v1-nonlinear.csv")
    found = pd.read_csv(io.StringIO(unquote(link["href"].partition(",")[2])), index_col="method")
    rows = read_rows(results / "types-1")
    expected = leaderboard(rows, "nonlinear").table
    assert list(found.index) == list(expected.index)
    np.testing.assert_allclose(found["recovery"], expected["method", "recovery"], rtol=1e-5)


def test_every_heading_has_a_definition_or_names_a_method_with_a_card(read):
    cards = {card["data-method"] for card in read.attributes("article")}
    tables = {table["class"] for table in read.attributes("table")}
    assert tables == {"leaderboard", "further", "confusion", "matrix"}
    for heading in read.attributes("th"):
        assert heading.get("title", "").strip() or heading.get("data-card") in cards, heading


def test_metrics_are_explained_in_the_words_of_their_registry(read):
    words = " ".join(" ".join(read.words).split())
    titles = {heading.get("title") for heading in read.attributes("th")}
    for target, metric in FURTHER.items():
        assert METRICS[metric].meaning in words
        label = f". Label: {LABELS[target].meaning}" if target in LABELS else ""
        assert METRICS[metric].meaning + label in titles


def test_a_published_protocol_is_explained_in_the_words_of_the_registry(tmp_path):
    rows = made_rows(targets=("firing_type",)).query("probe == 'linear' and split == 'culture'")
    old = rows.assign(metric="published_ari", split="neuron", probe="none")
    write_folder(tmp_path, pd.concat([rows, old]))
    headings = Reader(write_page(tmp_path).read_text(encoding="utf-8")).attributes("th")
    expected = f"{METRICS['published_ari'].meaning}. Label: {LABELS['firing_type'].meaning}"
    assert expected in {heading.get("title") for heading in headings}


def test_it_says_who_is_tied_with_whom(text):
    board = text.split('id="types"')[1].split("</section>")[0]
    ties = [a.get("title", "") for a in Reader(board).attributes("td") if a.get("class") == "ties"]
    assert {"can’t be told apart from pca", "can’t be told apart from fa"} <= set(ties)


def test_the_page_shows_which_class_is_taken_for_which(tmp_path):
    rows = made_rows(scenario="types")
    is_read = (rows["metric"] == "balanced_accuracy") & (rows["split"] == "culture")
    shares = {"RS": {"RS": 0.75, "CH": 0.25}, "CH": {"RS": 0.125, "CH": 0.875}}
    rows["confusion"] = [shares if read else None for read in is_read]
    view = view_data(rows, "linear", "")
    assert {c["method"] for c in view["confusions"]} >= {"avae"}
    lines = view["confusions"][0]["lines"]
    assert {line[0]: line[1:] for line in lines}["RS"] in (["0.25", "0.75"], ["0.75", "0.25"])
