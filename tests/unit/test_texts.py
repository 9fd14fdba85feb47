"""The table of texts: complete, without unused texts, with the same placeholders in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from tests.support.paths import ROOT
from webui.texts import TEXTS, Language, text
from webui.texts.duration import clock_time, duration_text

WEBUI = ROOT / "webui"
SOURCES = [path for path in sorted(WEBUI.rglob("*.py")) if "texts" not in path.relative_to(WEBUI).parts]
AREAS = sorted({key.split(".")[0] for key in TEXTS})
USERS = SOURCES + [path for folder in ("training", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
BUILT = (
    "notice.",
    "detail.",
    "duration.",
)  # derived from the code of the full text (test_notices.py), or from a length
KEY = re.compile(rf"(?:{'|'.join(AREAS)})\.[a-z0-9_]+")
FILE_SUFFIXES = (".css", ".js", ".txt", ".json", ".py")  # page.css and log.txt are files
CHINESE = re.compile("[\u4e00-\u9fff]")


def placeholders(entry: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(entry) if name}


def strings(source: Path) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(ast.parse(source.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node, node.value


def used_keys(sources: list[Path] = SOURCES) -> dict[str, Path]:
    found = {}
    for source in sources:
        for _, value in strings(source):
            if KEY.fullmatch(value) and not value.endswith(FILE_SUFFIXES):
                found[value] = source
    return found


def used_prefixes() -> set[str]:
    """The constant starts of keys that are put together in f-strings, for instance `compare.`."""
    starts = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if not isinstance(node, ast.JoinedStr) or not isinstance(first := node.values[0], ast.Constant):
                continue
            if len(node.values) > 1 and re.fullmatch(rf"(?:{'|'.join(AREAS)})\.[a-z0-9_]*", str(first.value)):
                starts.add(str(first.value))
    return starts


def test_every_text_used_exists() -> None:
    starts = used_prefixes()
    missing = {key: str(source) for key, source in used_keys().items() if key not in TEXTS and key not in starts}
    assert missing == {}


def test_every_key_occurs_literally_in_the_code() -> None:
    used = used_keys(USERS)
    assert [key for key in TEXTS if key not in used and not key.startswith(BUILT)] == []


def test_no_key_is_put_together_in_an_f_string() -> None:
    assert [start for start in used_prefixes() if not start.startswith(BUILT)] == []


def test_every_text_is_used() -> None:
    used, starts = used_keys(USERS), (*used_prefixes(), *BUILT)
    assert [key for key in TEXTS if key not in used and not key.startswith(starts)] == []


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_have_the_same_placeholders(key: str) -> None:
    zh, en = TEXTS[key]
    assert placeholders(zh) == placeholders(en)
    assert zh.strip() == zh != ""
    assert en.strip() == en != ""
    assert not CHINESE.search(en.replace("处理日志", ""))


def test_chinese_texts_have_chinese_characters() -> None:
    bare = {key for key, entry in TEXTS.items() if not CHINESE.search(re.sub(r"\{[^}]*\}", "", entry.zh))}
    assert bare <= {key for key, entry in TEXTS.items() if placeholders(entry.en)}  # nothing but placeholders in both


def calls() -> Iterator[tuple[Path, ast.Call, str, set[str]]]:
    """Yields calls with a literal key and explicit values: errors, notices, `text`, `say`."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or any(word.arg is None for word in node.keywords):
                continue
            words = {word.arg or "": word.value for word in node.keywords}
            key = words.get("code") or (node.args[0] if node.args else None)
            if not isinstance(key, ast.Constant) or key.value not in TEXTS:
                continue
            if "code" not in words:
                yield source, node, key.value, set(words)
            elif isinstance(values := words.get("values", ast.Dict([], [])), ast.Dict):
                yield source, node, key.value, {k.value for k in values.keys if isinstance(k, ast.Constant)}


def test_every_placeholder_gets_its_value() -> None:
    checked = 0
    for source, node, key, given in calls():
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if given or name in ("text", "say", "_say", "Notice") or name.endswith("Error"):
            checked += 1
            assert placeholders(TEXTS[key].en) <= given, f"{source} line {node.lineno}: {key}"
    assert checked > 80


def test_a_text_is_filled_in() -> None:
    assert text("audio.too_short", Language.EN, found_ms=12.0, expected_ms=25.0).startswith(
        "The audio is too short: 12.0 ms"
    )
    assert "12.0 毫秒" in text("audio.too_short", Language.ZH, found_ms=12.0, expected_ms=25.0)
    with pytest.raises(KeyError):
        text("audio.no_such_text")
    with pytest.raises(KeyError):
        text("audio.too_short")


@pytest.mark.parametrize(
    ("length_s", "chinese", "english"),
    [
        (3.65, "3.65 秒", "3.65 s"),
        (8, "8 秒", "8 s"),
        (59.999, "1 分钟", "1 min"),
        (245.4, "4 分 5 秒", "4 min 5 s"),
        (3599.7, "1 小时", "1 h"),
        (43_200.0, "12 小时", "12 h"),
        (5_430, "1 小时 30 分", "1 h 30 min"),
    ],
)
def test_lengths_of_time_are_minutes_and_hours_where_long(length_s: float, chinese: str, english: str) -> None:
    assert [duration_text(length_s, language) for language in Language] == [chinese, english]
    assert text("audio.too_many_seconds", found="a", expected_s=length_s).count(english) == 1


def test_places_in_a_recording() -> None:
    assert [clock_time(time_s) for time_s in (0, 65.4, 59.6, 3605)] == ["0:00", "1:05", "1:00", "1:00:05"]
    assert [clock_time(time_s, 1) for time_s in (61.25, 59.96)] == ["1:01.2", "1:00.0"]


def test_chinese_texts_mark_documents_in_english() -> None:
    unmarked = [
        (key, path)
        for key, entry in TEXTS.items()
        for path in re.findall(r"(?<!\w)((?:docs|models|training)/[\w/]+\.md|/docs)\b(?!（英文）)", entry.zh)
        if not path.startswith("docs/zh/") and path != "models/README.md"  # which has both languages
    ]
    assert unmarked == []
