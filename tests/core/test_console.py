"""Progress: on a terminal only, only where it takes long, and one display at a time."""

import io
import re
from contextlib import redirect_stderr

import pytest
from joblib import Parallel, delayed

from simbench.core.console import is_watched, print_table, progress_bars, track

AT_ONCE = -1.0


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")


def shown(stream, after_s=AT_ONCE, stop=8):
    with redirect_stderr(stream):
        for step in track(range(8), "training", after_s):
            if step == stop:
                break
    return stream.getvalue()


def test_long_work_shows_a_bar_on_a_terminal():
    assert re.search(r"training.*8/8", shown(Terminal()))


def test_short_work_shows_nothing():
    assert shown(Terminal(), after_s=60) == ""


def test_nothing_is_shown_where_there_is_no_terminal():
    assert shown(io.StringIO()) == ""


def test_work_that_stops_early_gives_the_terminal_back():
    text = shown(Terminal(), stop=5)
    assert re.search(r"training.*5/8", text)
    assert text.endswith("\x1b[?25h")  # the cursor is there again


def test_bars_of_the_caller_are_the_only_ones():
    stream = Terminal()
    with redirect_stderr(stream):
        with progress_bars() as report:
            report("score", 0, 1)
            assert not is_watched()
            assert list(track(range(8), "training", AT_ONCE)) == list(range(8))
        assert is_watched()
    assert "score" in stream.getvalue()
    assert "training" not in stream.getvalue()


def test_names_are_shown_as_they_are(capsys):
    print_table("a [uM]", ["[/x]"], [["[b]"]])
    shown = {line.strip() for line in capsys.readouterr().out.splitlines()}
    assert {"a [uM]", "[/x]", "[b]"} <= shown


def test_workers_show_nothing():
    def watched_at_a_terminal():
        with redirect_stderr(Terminal()):
            return is_watched()

    assert Parallel(2)(delayed(watched_at_a_terminal)() for _ in range(2)) == [False, False]
