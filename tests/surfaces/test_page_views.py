"""HTML of the page's views, without a browser or a server."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_model import FakeModel
from webui import storage
from webui.engine.registry import LARGE
from webui.errors import (
    AudioDecodeError,
    CheckpointError,
    DownloadError,
    InferenceError,
    OutputError,
    RequestError,
    SpeechEmotionError,
)
from webui.labels import Emotion
from webui.results import (
    FrameScores,
    Granularity,
    Notice,
    RecognitionResult,
    Segment,
    SourceInfo,
    Timing,
)
from webui.service import RecognitionService, RecognizeOptions
from webui.service.models.acquisition import AcquisitionState, AcquisitionStatus
from webui.service.models.status import ActiveModel, PoolStatus
from webui.settings import Settings
from webui.storage.writers import write_parquet_groups
from webui.texts import Language, text
from webui.ui.i18n import parse_language, preferred_language
from webui.ui.outcome import Outcome, error_card_of, recognize_source
from webui.ui.views.answer import answer_html, empty_html, error_card_html, scores_html, warnings_html
from webui.ui.views.curve import curve_html
from webui.ui.views.curve_data import Curve, Span, leading_spans, load_curve, thin
from webui.ui.views.markup import escape
from webui.ui.views.segments import segments_html
from webui.ui.views.status import status_html

SCORES = [0.012, 0.008, 0.015, 0.853, 0.045, 0.023, 0.018, 0.021, 0.005]


def make_result(
    file_name: str = "a.wav", engine: str = "builtin", frames: FrameScores | None = None
) -> RecognitionResult:
    return RecognitionResult(
        emotion=Emotion.HAPPY,
        confidence=0.853,
        scores=dict(zip(Emotion, SCORES, strict=True)),
        granularity=Granularity.UTTERANCE if frames is None else Granularity.FRAME,
        timestamp="2024-01-04 22:30:00",
        model=FakeModel(name="small").info.model_copy(update={"engine": engine, "license": "CC BY-NC-SA 4.0"}),
        source=SourceInfo(
            file_name=file_name, size_bytes=10, duration_s=1.5, sample_rate_hz=8000, channels=1, format="wav/pcm_s16le"
        ),
        timing=Timing(decode_s=0.1, inference_s=0.25),
        frames=frames,
        warnings=(Notice(code="request.builtin_answered", values={"license": "CC BY-NC-SA 4.0"}),),
    )


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", Language.ZH),
        ("zh-TW", Language.ZH),
        ("ZH", Language.ZH),
        ("en-US,en;q=0.9,zh;q=0.8", Language.EN),
        ("en;q=0.5, zh;q=0.7", Language.ZH),
        ("zh;q=0, en", Language.EN),
        ("de-DE,de;q=0.9,zh;q=0.3", Language.ZH),
        ("fr", Language.EN),
        ("", Language.EN),
        (None, Language.EN),
        ("zh;q=nonsense", Language.EN),
    ],
)
def test_preferred_language(header: str | None, language: Language) -> None:
    assert preferred_language(header) is language


@pytest.mark.parametrize("value", [None, "", "fr", 3, ["zh"]])
def test_an_unknown_language_is_english(value: object) -> None:
    assert parse_language(value) is Language.EN


def test_the_main_emotion_in_both_languages() -> None:
    chinese = text_of(answer_html(make_result(), Language.ZH))
    assert "😊 快乐 (Happy)" in chinese
    assert "置信度：85.3%" in chinese
    english = text_of(answer_html(make_result(), Language.EN))
    assert "😊 Happy (快乐)" in english
    assert "Confidence: 85.3%" in english


@pytest.mark.parametrize("language", list(Language))
def test_the_model_that_answered_is_named(language: Language) -> None:
    answer = text_of(answer_html(make_result(), language))
    assert "small" in answer
    assert "Emotion2Vec+ Large" in answer
    assert answer.count("CC BY-NC-SA 4.0") == 2  # next to the name, and in the warning
    assert text("page.disclaimer", language).split("，")[0].split(",")[0] in answer
    native = answer_html(make_result(engine="native"), language)
    assert "Emotion2Vec+ Large" not in text_of(native[native.index("se-model") :])


OFFLINE = {"seconds": "3", "model": LARGE, "modelscope_reason": "ConnectError: m", "huggingface_reason": "no: h"}


@pytest.mark.parametrize("language", list(Language))
def test_warnings_are_one_line_with_the_details_behind_it(language: Language) -> None:
    builtin = Notice(code="request.builtin_answered", values={"license": "CC BY-NC-SA 4.0"})
    offline = Notice(code="download.unreachable", values=OFFLINE)
    clipped = Notice(code="audio.clipped", values={"share": 0.25})
    html = warnings_html((clipped, offline, builtin), language)
    assert html.count("<details") == 1
    line, details = html.split("</summary>")
    assert escape(offline.short(language) or "") in line  # it says too that the built-in model was used
    assert escape(builtin.short(language) or "") not in line
    assert "ConnectError" not in line
    assert text("page.more_warnings", language, count=1) in text_of(line)
    items = re.findall("<li>(.*?)(?: <small>(.*?)</small>)?</li>", details)
    assert items == [
        (escape(notice.message(language)), escape(notice.detail(language) or ""))
        for notice in (builtin, offline, clipped)
    ]
    assert "ConnectError" in items[1][1]
    assert "ConnectError" not in offline.message(language)
    absent = Notice(code="request.large_absent", values={"model": LARGE})
    alone = text_of(warnings_html((absent, builtin), language).split("</summary>")[0])
    assert escape(builtin.short(language) or "") in alone
    assert alone.endswith(f" {text('page.more', language)}")  # the reason does not count as a warning
    assert warnings_html((), language) == ""


@pytest.mark.parametrize("language", list(Language))
def test_a_failed_download_is_one_line_with_the_reason_behind_it(language: Language) -> None:
    problem = DownloadError("download.unreachable", **OFFLINE)
    failed = AcquisitionStatus(LARGE, AcquisitionState.FAILED, problem=problem)
    html = status_html(
        PoolStatus(ActiveModel("builtin", "builtin"), failed, can_retry=True, can_cancel=False), language
    )
    line, details = html.split("<summary>")[1].split("</summary>")
    assert "ConnectError" not in html.split("<summary>")[0] + line
    assert escape(text("page.status_offline", language, model="Emotion2Vec+ Large")) in line
    assert escape(problem.message(language)) in details
    assert "ConnectError" in details
    broken = replace(failed, problem=CheckpointError("checkpoint.not_finite", file="f", name="n"))
    html = status_html(
        PoolStatus(ActiveModel("builtin", "builtin"), broken, can_retry=True, can_cancel=False), language
    )
    assert text("page.status_failed", language, model="Emotion2Vec+ Large") in text_of(html.split("</summary>")[0])


def test_nine_scores_in_order_with_names_in_both_languages() -> None:
    html = scores_html(make_result(), Emotion, Language.ZH)
    rows = re.findall(r"<li.*?</li>", html)
    assert [text_of(row) for row in rows[:2]] == ["😠愤怒 Angry1.2%", "🤢厌恶 Disgusted0.8%"]
    assert len(rows) == 9
    assert [float(width) for width in re.findall(r"width:([\d.]+)%", html)] == pytest.approx([100 * s for s in SCORES])
    assert [index for index, row in enumerate(rows) if "se-top" in row] == [3]


def test_an_emotion_that_the_model_lacks_has_a_dash() -> None:
    result = make_result()
    possible = result.model_copy(update={"labels": (Emotion.HAPPY, Emotion.SAD)}).possible
    assert possible == {Emotion.HAPPY, Emotion.SAD}
    rows = re.findall(r"<li.*?</li>", scores_html(result, possible, Language.EN))
    assert [text_of(row)[-1] for row in rows] == list("———%——%——")
    assert text("page.no_class", Language.EN) not in scores_html(result, Emotion, Language.EN)
    classes = result.model.model_copy(update={"labels": ("neu", "hap", "Anger", "bored", "unuse_1")})
    assert classes.emotions == {Emotion.NEUTRAL, Emotion.HAPPY, Emotion.ANGRY}


def test_places_in_a_long_recording_are_minutes(tmp_path: Path) -> None:
    result = make_result()
    long = result.model_copy(update={"source": result.source.model_copy(update={"duration_s": 245.0})})
    assert "4 分 5 秒" in text_of(answer_html(long, Language.ZH))
    assert "4 min 5 s" in text_of(answer_html(long, Language.EN))
    start_s = np.arange(0, 245, 5.0)
    scores = {emotion: (score,) * len(start_s) for emotion, score in zip(Emotion, SCORES, strict=True)}
    frames = FrameScores(
        frame_rate_hz=50.0, window_s=5.0, hop_s=5.0, rows=len(start_s), start_s=tuple(start_s),
        end_s=tuple(start_s + 5), scores=scores,
    )  # fmt: skip
    html = curve_html(frames, tmp_path, Language.EN)
    assert "0:00 – 4:05: 😊 Happy" in html
    assert ">2:00</span>" in html
    segment = Segment(
        start_s=61.25, end_s=245.0, emotion=Emotion.SAD, confidence=0.5, scores=dict.fromkeys(Emotion, 0.0)
    )
    assert "<td>1:01.2</td><td>4:05.0</td>" in segments_html([segment], Language.EN)
    assert "from (min:s)" in segments_html([segment], Language.EN)


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>.wav", "{{constructor}} ${alert(1)} `x`.wav", "a\"b'c&d.wav"]
)
def test_file_names_are_escaped(name: str) -> None:
    html = answer_html(make_result(file_name=name), Language.EN)
    assert "<img" not in html
    assert not set("{}$`") & set(html)
    assert 'a"b' not in html


def test_an_error_is_an_alert() -> None:
    html = error_card_html("page.error_title_audio", "It <is> broken.", Language.EN)
    assert 'role="alert"' in html
    assert "It &lt;is&gt; broken." in html
    assert text("page.empty", Language.ZH) in empty_html(Language.ZH)


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (AudioDecodeError("audio.too_short", found_ms=3.0, expected_ms=25.0), "page.error_title_audio"),
        (InferenceError("audio.too_short", found_ms=3.0, expected_ms=25.0), "page.error_title_model"),
        (RequestError("page.no_audio"), "page.error_title_request"),
        (OutputError("storage.failed", folder="f", reason="r"), "page.error_title_output"),
    ],
)
def test_every_error_keeps_its_message(error: SpeechEmotionError, title: str) -> None:
    card = error_card_of(error)
    assert card.title_key == title
    assert [card.sentence(language) for language in Language] == [error.message(language) for language in Language]


def test_an_unexpected_error_shows_only_a_number(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        card = error_card_of(RuntimeError("secret /etc/passwd"))
    sentences = [card.sentence(language) for language in Language]
    numbers = [re.findall(r"\b[0-9a-f]{8}\b", sentence) for sentence in sentences]
    assert len(numbers[0]) == 1
    assert numbers[0] == numbers[1]
    assert "secret" not in "".join(sentences)
    assert numbers[0][0] in caplog.text
    assert "secret /etc/passwd" in caplog.text


def test_no_audio_is_an_outcome(tmp_path: Path) -> None:
    outcome = recognize_source(RecognitionService(Settings(outputs_dir=tmp_path)), None, RecognizeOptions())
    assert outcome.recognition is None
    assert outcome.error is not None
    assert "还没有音频" in outcome.error.sentence(Language.ZH)
    assert outcome.log_text(Language.EN).startswith("[error] ")


def test_the_log_in_both_languages() -> None:
    log = (Notice(code="log.recognized", values={"emoji": "😊", "zh": "快乐", "en": "Happy", "confidence": 0.853}),)
    outcome = Outcome(None, None, log)
    assert outcome.log_text(Language.ZH) == "[结果] 😊 快乐 (Happy)，置信度 85.3%"
    assert outcome.log_text(Language.EN) == "[results] 😊 Happy (快乐), confidence 85.3%"


def curve_of(columns: list[Emotion], scores: list[float]) -> Curve:
    table = np.full((len(columns), len(Emotion)), 0.01)
    for row, (emotion, score) in enumerate(zip(columns, scores, strict=True)):
        table[row, list(Emotion).index(emotion)] = score
    start_s = np.arange(len(columns)) * 0.5
    return Curve(start_s, start_s + 1.0, table)


def test_leading_spans_cover_the_recording_without_gaps() -> None:
    curve = curve_of([Emotion.SAD, Emotion.SAD, Emotion.HAPPY], [0.5, 0.6, 0.7])
    assert leading_spans(curve) == [Span(Emotion.SAD, 0.0, 1.25), Span(Emotion.HAPPY, 1.25, 2.0)]


def test_thinning_keeps_the_mean_and_the_ends() -> None:
    generator = np.random.default_rng(1)
    start_s = np.arange(1000) * 0.2
    curve = Curve(start_s, start_s + 1.0, generator.random((1000, 9)))
    few = thin(curve, 50)
    assert len(few.start_s) == 50
    assert (few.start_s[0], few.end_s[-1]) == (curve.start_s[0], curve.end_s[-1])
    np.testing.assert_allclose(few.scores[0], curve.scores[:20].mean(axis=0))
    np.testing.assert_allclose(few.scores.mean(axis=0), curve.scores.mean(axis=0))
    assert thin(curve, 1000) is curve


def test_the_curve_is_the_same_from_the_document_and_from_parquet(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    scores = generator.dirichlet(np.ones(9), size=40)
    start_s = np.arange(40) * 0.2
    columns = {"start_s": start_s, "end_s": start_s + 1.0}
    columns |= {emotion.value: scores[:, index] for index, emotion in enumerate(Emotion)}
    write_parquet_groups(tmp_path / storage.FRAMES_FILE, [columns])
    shared = {"frame_rate_hz": 50.0, "window_s": 1.0, "hop_s": 0.2, "rows": 40}
    inside = FrameScores(
        **shared,
        start_s=tuple(start_s),
        end_s=tuple(start_s + 1.0),
        scores={emotion: tuple(scores[:, index]) for index, emotion in enumerate(Emotion)},
    )
    outside = FrameScores(**shared, file=storage.FRAMES_FILE)
    for frames in (inside, outside):
        np.testing.assert_array_equal(load_curve(frames, tmp_path).scores, scores)
    assert curve_html(inside, tmp_path, Language.ZH) == curve_html(outside, tmp_path, Language.ZH)


def test_the_curve_of_a_single_row(tmp_path: Path) -> None:
    frames = FrameScores(
        frame_rate_hz=50.0, window_s=1.0, hop_s=0.2, rows=1, start_s=(0.0,), end_s=(0.4,),
        scores={emotion: (score,) for emotion, score in zip(Emotion, SCORES, strict=True)},
    )  # fmt: skip
    html = curve_html(frames, tmp_path, Language.EN)
    happy = re.search(r'se-strong se-happy" points="([^"]+)"', html)
    assert happy is not None
    assert happy[1] == "0.0,44.1 500.0,44.1 1000.0,44.1"  # 300 * (1 - 0.853)
    assert "nan" not in html
    assert "0.0 s – 0.4 s: 😊 Happy (快乐)" in html
    assert "peak 85% at 0.2 s" in text_of(html)


def test_a_long_curve_stays_small(tmp_path: Path) -> None:
    rows = 20_000
    start_s = np.arange(rows) * 0.2
    columns = {"start_s": start_s, "end_s": start_s + 1.0}
    columns |= {emotion.value: np.full(rows, score) for emotion, score in zip(Emotion, SCORES, strict=True)}
    write_parquet_groups(tmp_path / storage.FRAMES_FILE, [columns])
    frames = FrameScores(frame_rate_hz=50.0, window_s=1.0, hop_s=0.2, rows=rows, file=storage.FRAMES_FILE)
    assert len(curve_html(frames, tmp_path, Language.EN)) < 100_000
