from webui.labels import Emotion, LabelSet
from webui.texts import Language

PUBLISHED_TOKENS = [
    "生气/angry", "厌恶/disgusted", "恐惧/fearful", "开心/happy", "中立/neutral", "其他/other", "难过/sad",
    "吃惊/surprised", "<unk>",
]  # fmt: skip


def test_published_tokens_are_the_nine_emotions_in_order() -> None:
    labels = LabelSet.from_tokens(PUBLISHED_TOKENS)
    assert labels == LabelSet.from_emotions(Emotion)
    assert [emotion.value for emotion in Emotion] == [
        "angry", "disgusted", "fearful", "happy", "neutral", "other", "sad", "surprised", "unknown",
    ]  # fmt: skip


def test_unused_lines_of_the_early_upload_are_ignored() -> None:
    labels = LabelSet.from_tokens(["生气/angry\n", "unuse_0", "难过/sad", "", "unuse_1"])
    assert labels.names == ("angry", "unuse_0", "sad", "unuse_1")
    assert labels.used == (True, False, True, False)
    assert labels.unmapped() == ()


def test_an_unknown_label_is_kept_and_reported() -> None:
    labels = LabelSet.from_tokens(["calm", "开心/happy"])
    assert labels.names == ("calm", "happy")
    assert labels.emotions == (None, Emotion.HAPPY)
    assert labels.unmapped() == ("calm",)


def test_names_in_both_languages() -> None:
    assert f"{Emotion.HAPPY.emoji} {Emotion.HAPPY.display_name(Language.ZH)}" == "😊 快乐"
    assert Emotion.UNKNOWN.display_name(Language.EN) == "Unknown"
    assert len({emotion.display_name(Language.ZH) for emotion in Emotion}) == 9
