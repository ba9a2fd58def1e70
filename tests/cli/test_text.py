"""Tables fit the line, keep whole words, and put numbers at the right."""

from __future__ import annotations

import pytest

from swath.cli.text import keyed, table


def test_columns_go_on_in_the_next_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    rows = [("a", "three short words here", "7"), ("bb", "one", "1,200")]
    lines = list(table(("x", "text", "count"), rows, wrap=(1,)))
    assert all(len(line) <= 30 for line in lines)
    assert " ".join(line[4:22].strip() for line in lines[1:3]) == "three short words here"
    assert lines[-1].endswith("1,200")
    assert lines[1].index("7") == lines[-1].index("1,200") + 4


def test_words_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    lines = list(table(("x", "y"), [("a classification task", "b")], wrap=(0, 1)))
    assert any("classification" in line for line in lines)


def test_no_rows_are_a_head() -> None:
    assert list(table(("x", "y"), [])) == ["x  y"]


def test_texts_hang_under_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    first, second = keyed("key", "one two three four five six seven", 5)
    assert first.startswith("  key    one")
    assert second.startswith(" " * 9)
