"""The page in a real browser, with a real server and the built-in model."""

import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.support.page_user import ANSWER_MS, OpenPage
from tests.support.paths import EXAMPLE
from tests.support.server_process import RunningServer
from webui.labels import Emotion
from webui.results import Granularity, RecognitionResult

DROP_TEXT = "getComputedStyle(document.querySelector('#upload button .wrap'), '::after').content"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds, stereo at 44.1 kHz, with characters in the name that need quoting."""
    time_s = np.arange(3 * 44_100) / 44_100
    pitch_hz = 180 + 60 * np.sin(2 * np.pi * 0.8 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / 44_100
    tone = sum(np.sin(k * phase) / k for k in range(1, 12)) * (0.3 + 0.2 * np.sin(2 * np.pi * 3 * time_s))
    samples = np.repeat((tone * 8000).astype("<i2"), 2)
    file = tmp_path / "录音 (1) {{x}} ${y} it's 100%.wav"
    with wave.open(str(file), "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(44_100)
        wav.writeframes(samples.tobytes())
    return file


def test_a_recognition_from_upload_to_downloads(
    open_page: OpenPage, server: RunningServer, recording: Path, tmp_path: Path
) -> None:
    user = open_page()
    user.upload(recording)
    expect(user.page.locator("#player audio")).to_be_visible()
    user.page.locator("#embedding input").check()
    answer = user.recognize()

    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.granularity is Granularity.UTTERANCE
    assert result.source.sample_rate_hz == 44_100
    assert result.source.channels == 2
    assert result.source.file_name == recording.name
    assert sum(result.scores.values()) == pytest.approx(1.0, abs=1e-4)

    assert answer.locator(".se-emotion").inner_text().endswith(result.emotion.value.capitalize() + ")")
    assert answer.locator(".se-confidence").inner_text() == f"置信度：{result.confidence:.1%}"
    assert recording.name in answer.locator(".se-source").inner_text()
    assert result.emotion.emoji in answer.locator(".se-emotion").inner_text()
    assert "内置小模型" in answer.locator(".se-model").inner_text()
    assert result.model.license in answer.locator(".se-model").inner_text()
    warnings = answer.locator(".se-warnings")
    assert warnings.inner_text().count("Emotion2Vec+ Large") == 1
    assert "使用内置小模型，非 Emotion2Vec+ Large" in warnings.inner_text()
    expect(warnings.get_by_text("bash run.sh download emotion2vec_plus_large")).to_be_hidden()
    warnings.get_by_text("更多").click()
    expect(warnings.get_by_text("bash run.sh download emotion2vec_plus_large")).to_be_visible()
    numbers = [row.locator(".se-number").inner_text() for row in answer.locator(".se-score").all()]
    assert numbers == [
        f"{result.scores[emotion]:.1%}" if emotion is not Emotion.UNKNOWN else "—"  # which the built-in model lacks
        for emotion in Emotion
    ]

    assert result.embedding is not None
    embedding = np.load(user.download("embedding.npy", tmp_path), allow_pickle=False)
    assert embedding.dtype == np.float32
    assert embedding.shape == result.embedding.shape
    assert np.isfinite(embedding).all()
    with wave.open(str(user.download("processed_audio.wav", tmp_path)), "rb") as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getnframes()) == (16_000, 1, 48_000)

    log = user.log()
    stages = [log.index(stage) for stage in ("[验证]", "[预处理]", "[推理]", "[结果]")]
    assert stages == sorted(stages)
    assert str(server.outputs_dir) in log
    assert "44100" in log
    user.screenshot("answer_zh_light_1280")


def test_frame_mode_shows_the_curve(open_page: OpenPage, recording: Path, tmp_path: Path) -> None:
    user = open_page(locale="en-GB", scheme="dark")
    user.upload(recording)
    user.page.locator("#granularity label").nth(1).click()
    answer = user.recognize()
    result = RecognitionResult.model_validate_json(user.download("result.json", tmp_path).read_text("utf-8"))
    assert result.frames is not None
    assert answer.locator(".se-curve .se-plot polyline").count() == len(Emotion)
    assert f"{result.frames.rows} in total" in answer.locator(".se-curve figcaption").inner_text()
    widths = [float(s.get_attribute("style").split(":")[1].rstrip("%")) for s in answer.locator(".se-span").all()]
    assert sum(widths) == pytest.approx(100.0, abs=0.1)
    user.screenshot("curve_en_dark_1280")


def test_example_button(open_page: OpenPage) -> None:
    user = open_page(scheme="dark", width=390)
    user.page.click("#example")
    expect(user.page.locator("#upload .file-preview")).to_contain_text("example_synthetic")
    answer = user.recognize()
    assert EXAMPLE.name in answer.locator(".se-source").inner_text()
    assert user.page.evaluate("document.documentElement.scrollWidth") <= 390
    user.screenshot("example_zh_dark_390")


def test_drag_and_drop_of_any_file_type(open_page: OpenPage) -> None:
    user = open_page(locale="en-US", width=390)
    data = user.page.evaluate_handle(
        """async (bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "dropped.mkv", { type: "video/x-matroska" }));
          return data;
        }""",
        list(EXAMPLE.read_bytes()),
    )
    user.page.locator("#upload button").first.dispatch_event("drop", {"dataTransfer": data})
    expect(user.page.locator("#upload .file-preview")).to_contain_text("dropped")
    answer = user.recognize()
    assert "dropped.mkv" in answer.locator(".se-source").inner_text()
    user.screenshot("dropped_en_light_390")


def test_microphone(open_page: OpenPage, tmp_path: Path) -> None:
    user = open_page(locale="zh-CN")
    user.page.get_by_role("tab", name="录音").click()
    user.page.locator("#microphone button.record").click()
    user.page.wait_for_timeout(1500)  # the length of the recording
    boxes = [user.page.locator(part).bounding_box() for part in ("#recognize", "#log")]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0]["x"] + boxes[0]["width"] < boxes[1]["x"], "the answer is below the microphone, not beside it"
    expect(user.page.locator("#recognize")).to_be_disabled()
    user.page.locator("#microphone button.stop-button").first.click()
    answer = user.recognize()  # immediately: the button waits until the recording has been uploaded
    expect(answer.locator(".se-answer")).to_be_visible()
    assert answer.locator(".se-source").inner_text().startswith("recording.wav")
    user.screenshot("microphone_zh_1280")
    recorded = soundfile.read(user.download("processed_audio.wav", tmp_path))[0]
    played = soundfile.read(EXAMPLE)[0]
    assert similarity(recorded, np.tile(played, 2)) > 0.5  # the browser's noise suppression changes the signal


def similarity(part: np.ndarray, whole: np.ndarray) -> float:
    """Returns the highest correlation of the middle half-second of ``part`` with any part of ``whole``, both 16 kHz."""
    middle = part[len(part) // 2 - 4000 : len(part) // 2 + 4000]
    products = np.correlate(whole, middle, mode="valid")
    lengths = np.sqrt(np.convolve(whole**2, np.ones(len(middle)), mode="valid")) * np.linalg.norm(middle)
    return float(np.max(np.abs(products) / (lengths + 1e-9)))


def test_a_silent_file_gives_a_warning(open_page: OpenPage, server: RunningServer, tmp_path: Path) -> None:
    user = open_page()
    silent = tmp_path / "安静.wav"
    with wave.open(str(silent), "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(16_000)
        wav.writeframes(bytes(2 * 32_000))
    user.upload(silent)
    warnings = user.recognize().locator(".se-warnings")
    assert "没有检测到类似语音的信号" in warnings.inner_text()
    assert "内置小模型" not in warnings.inner_text()  # hidden until "more" is clicked: one line is shown
    warnings.get_by_text("更多（另有 1 条提示）").click()
    assert "内置小模型" in warnings.inner_text()
    assert "没有检测到类似语音的信号" in user.log()
    user.screenshot("silent_zh")


def test_recognizing_without_audio_shows_an_error(open_page: OpenPage) -> None:
    user = open_page()
    error = user.recognize().locator(".se-error")
    assert "还没有音频" in error.inner_text()
    user.screenshot("no_audio_zh")


def test_a_bad_file_shows_an_error_in_both_languages(open_page: OpenPage, tmp_path: Path) -> None:
    user = open_page(locale="en-US")
    bad = tmp_path / "notes.mp3"
    bad.write_text("these are notes, not music\n" * 50)
    user.upload(bad)
    error = user.recognize().locator(".se-error")
    english = error.locator("p").inner_text()
    assert "This audio can't be used" in error.inner_text()
    assert "notes.mp3" in english
    assert user.page.locator("body").inner_text().count(english) == 1
    assert "reason is above" in user.log()  # the log does not repeat the message
    expect(user.page.locator("#player .se-hint")).to_be_hidden()  # the hint says that the file can be recognized
    user.screenshot("bad_file_en")
    user.page.locator("#language label").first.click()
    expect(error).to_contain_text("这段音频无法使用")
    assert "[错误]" in user.log()


def test_language_follows_the_browser_until_the_user_chooses(open_page: OpenPage) -> None:
    user = open_page(locale="en-US")
    page = user.page
    expect(page.locator("#recognize")).to_have_text("🎯 Recognize")
    assert page.evaluate(DROP_TEXT) == '"Click to choose a file, or drop one here"'
    page.click("#example")
    expect(page.locator("#upload .file-preview")).to_be_visible()
    answer = user.recognize()
    assert "Confidence:" in answer.inner_text()

    page.locator("#language label").first.click()
    expect(page.locator("#recognize")).to_have_text("🎯 开始识别")
    expect(answer).to_contain_text("置信度：")
    expect(page.locator("#granularity")).to_contain_text("整句级别")
    assert "[验证]" in user.log()
    assert page.evaluate("document.documentElement.lang") == "zh-CN"

    page.reload()
    page.wait_for_selector("html[data-language=zh]")
    expect(page.locator("#recognize")).to_have_text("🎯 开始识别")
    assert page.evaluate(DROP_TEXT) == '"点击选择文件，或拖放到这里"'
    page.get_by_role("tab", name="录音").click()
    expect(page.locator("#microphone")).to_contain_text("录制")
    expect(page.locator("#microphone")).not_to_contain_text("Record")


def test_results_of_two_users_do_not_mix(open_page: OpenPage, recording: Path) -> None:
    first, second = open_page(), open_page(locale="en-US")
    first.upload(recording)
    second.page.click("#example")
    expect(second.page.locator("#upload .file-preview")).to_be_visible()
    first.page.click("#recognize")
    second.page.click("#recognize")
    for user, own, foreign in ((first, "录音", "example"), (second, "example", "录音")):
        source = user.page.locator("#answer .se-source")
        expect(source).to_contain_text(own, timeout=ANSWER_MS)
        assert foreign not in source.inner_text()
        assert foreign not in user.log()
    links = [user.page.locator("#downloads a").first.get_attribute("href") for user in (first, second)]
    folders = {link.rsplit("/", 1)[0] for link in links if link}
    assert len(folders) == 2
    first.page.locator("#language label").nth(1).click()
    expect(first.page.locator("#answer .se-source")).to_contain_text("录音")
