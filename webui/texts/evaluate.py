"""Texts of evaluations: the report, and the errors of a manifest."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "evaluate.title": Text(zh="# {model} 的评测：{source}", en="# Evaluation of {model} on {source}"),
    "evaluate.counts": Text(
        zh="{clips} 段录音（另有 {failed} 段无法识别）。{drawn}",
        en="{clips} recordings ({failed} more could not be recognized). {drawn}",
    ),
    "evaluate.by_speaker": Text(
        zh="括号内为 95 % 区间：对 {speakers} 位说话人重抽样 1000 次；人数少于十时区间很粗略。",
        en=(
            "In brackets: 95 % intervals from resampling the {speakers} speakers (bootstrap, 1,000 rounds); "
            "with fewer than ten speakers they are rough."
        ),
    ),
    "evaluate.by_clip": Text(
        zh="没有说话人信息（或只有一位），区间按录音重抽样，因此偏窄。",
        en="No speakers are known, or only one, so the intervals come from resampling recordings and are too narrow.",
    ),
    "evaluate.recall": Text(zh="未加权平均召回率（UAR）", en="unweighted average recall"),
    "evaluate.accuracy": Text(zh="准确率", en="accuracy"),
    "evaluate.f1": Text(zh="未加权平均 F1", en="unweighted average F1"),
    "evaluate.group": Text(zh="{group} 的 UAR", en="average recall, {group}"),
    "evaluate.calibration": Text(
        zh="平均置信度 {confidence:.3f}，期望校准误差 {error:.3f}（15 个区间）。",
        en="Mean confidence {confidence:.3f}, expected calibration error {error:.3f} (15 bins).",
    ),
    "evaluate.builtin_training_data": Text(
        zh=(
            "内置模型是用 EMO-DB、nEMO 和 RAVDESS 训练的，在这些语料的录音上，结果会远好于实际水平。"
            "可信的数字见 models/builtin/README.md（英文）。"
        ),
        en=(
            "The built-in model was trained on EMO-DB, nEMO and RAVDESS: on those recordings its figures are far too "
            "good. models/builtin/README.md has realistic ones."
        ),
    ),
    "evaluate.emobox_training_data": Text(
        zh="Emotion2Vec+ 由作者分几轮训练，最初使用 EmoBox 的数据；在 EmoBox 所含语料的录音上，结果可能好于实际水平。",
        en="The authors trained Emotion2Vec+ in several rounds, starting from EmoBox data: on recordings of corpora in "
        "EmoBox its figures may be too good.",
    ),
    "evaluate.matrix": Text(zh="行为真实类别，列为识别结果：", en="Rows are the true classes, columns the results:"),
    "evaluate.column_recall": Text(zh="召回率", en="recall"),
    "evaluate.column_precision": Text(zh="精确率", en="precision"),
    "evaluate.column_f1": Text(zh="F1 值", en="F1"),
    "evaluate.no_manifest": Text(
        zh=(
            "{found} 不存在。请给出表格（path,label[,speaker]）、EmoBox 的 .jsonl、按情感分子文件夹的文件夹，"
            "或录音按 RAVDESS、CREMA-D、EMO-DB、nEMO 命名的文件夹。"
        ),
        en=(
            "{found} does not exist. Give a table (path,label[,speaker]), an EmoBox .jsonl, a folder with one "
            "subfolder per emotion, or a folder with recordings named as in RAVDESS, CREMA-D, EMO-DB or nEMO."
        ),
    ),
    "evaluate.nothing_listed": Text(
        zh="{found} 中没有带标注的录音。表格每行一段录音；子文件夹以情感命名，例如 angry/a.wav。",
        en="{found} contains no labelled recording. A table has one row per recording; subfolders are named after "
        "emotions: angry/a.wav.",
    ),
    "evaluate.unreadable": Text(
        zh="无法读取 {found}（{reason}）。请保存为 UTF-8 编码的 CSV 或 TSV。",
        en="{found} can't be read ({reason}). Save it as CSV or TSV in UTF-8.",
    ),
    "evaluate.bad_columns": Text(
        zh=(
            "{file} 的列是：{found}。需要 path 和 label（或 emotion；有多位标注者时为两列以上的 annotator_…），"
            "可选 speaker、corpus。请补上表头。"
        ),
        en=(
            "{file} has the columns {found}. It needs path and label (or emotion; or, with several annotators, two or "
            "more columns annotator_...), and may have speaker and corpus. Add a header row with these names."
        ),
    ),
    "evaluate.bad_emobox": Text(
        zh="{file} 第 {line} 行：找到 {found}，应有字符串字段 wav 和 emo（EmoBox 格式，每行一个对象）。请检查。",
        en="{file}, line {line}: found {found}; the string fields wav and emo are expected (EmoBox format, one object "
        "per line). Check the file.",
    ),
    "evaluate.odd_names": Text(
        zh="{where} 中有录音的文件名与其余文件的命名规则（{expected}）不符：{found}。请把它们移到别处，或改用表格。",
        en="Some recordings in {where} are not named like the rest ({expected}): {found}. Move them elsewhere, or list "
        "the recordings in a table.",
    ),
    "evaluate.agreement": Text(
        zh=(
            "{annotators} 位标注者：{recordings} 段录音有多个标注，完全一致 {unanimous:.1%}，"
            "Krippendorff α = {alpha}；{undecided} 段没有多数意见，未计入{names}。"
        ),
        en=(
            "{annotators} annotators: {recordings} recordings have several labels, {unanimous:.1%} are unanimous, "
            "Krippendorff's alpha {alpha}; {undecided} without a majority were left out{names}."
        ),
    ),
    "evaluate.no_recording": Text(
        zh="{file} 第 {line} 行：找不到录音 {found}。路径应相对于表格所在的文件夹，请检查。",
        en="{file}, line {line}: the recording {found} does not exist. Paths are relative to the table's folder; check "
        "it.",
    ),
    "evaluate.unknown_emotion": Text(
        zh="{where} 中有未知的情感标签：{found}。请改为以下之一（都不符合时写 other）：{expected}。",
        en="{where} has unknown emotion labels: {found}. Rename them to one of these (other, if none fits): "
        "{expected}.",
    ),
    "evaluate.not_written": Text(
        zh="无法写入 {folder}（{reason}）。请检查磁盘空间和权限，或另选一个文件夹。",
        en="{folder} can't be written to ({reason}). Check the disk space and permissions, or choose another folder.",
    ),
    "evaluate.exists": Text(
        zh="{folder} 中已有一次评测（{found}）。请用 --outputs-dir 指定另一个文件夹，或用 --force 覆盖。",
        en="{folder} already contains an evaluation ({found}). Name another folder with --outputs-dir, or add --force "
        "to replace it.",
    ),
    "evaluate.all_failed": Text(
        zh="{clips} 段录音全部无法解码（第一个错误：{first}）。请检查这些文件。",
        en="None of the {clips} recordings could be decoded (the first: {first}). Check the files.",
    ),
}
