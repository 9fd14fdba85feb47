"""Texts of evaluations: the report, and what is wrong with a manifest."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "evaluate.title": Text(zh="# {model} 的评测：{source}", en="# {model}, measured on {source}"),
    "evaluate.counts": Text(
        zh="{clips} 段录音（另有 {failed} 段无法识别）。{drawn}",
        en="{clips} recordings ({failed} more could not be answered). {drawn}",
    ),
    "evaluate.by_speaker": Text(
        zh="括号内为 95 % 区间：对 {speakers} 位说话人重抽样 1000 次；人数少于十时区间很粗略。",
        en=(
            "In brackets the 95 % interval when the {speakers} speakers are drawn again (bootstrap, 1,000 rounds); "
            "with fewer than ten it is rough."
        ),
    ),
    "evaluate.by_clip": Text(
        zh="没有说话人信息（或只有一位），区间按录音重抽样，因此偏窄。",
        en="No speakers are known, or only one, so the intervals draw recordings again and are too narrow.",
    ),
    "evaluate.recall": Text(zh="未加权平均召回率（UAR）", en="unweighted average recall"),
    "evaluate.accuracy": Text(zh="准确率", en="accuracy"),
    "evaluate.f1": Text(zh="未加权平均 F1", en="unweighted average F1"),
    "evaluate.group": Text(zh="{group} 的 UAR", en="average recall, {group}"),
    "evaluate.calibration": Text(
        zh="平均置信度 {confidence:.3f}，期望校准误差 {error:.3f}（15 个区间）。",
        en="Mean confidence {confidence:.3f}, expected calibration error {error:.3f} (15 bins).",
    ),
    "evaluate.builtin_heard": Text(
        zh=(
            "内置模型是用 EMO-DB、nEMO 和 RAVDESS 训练的：在这些录音上，它看起来比实际好得多。"
            "可信的数字见 models/builtin/README.md。"
        ),
        en=(
            "The built-in model learnt from EMO-DB, nEMO and RAVDESS: on those recordings it looks far better than it "
            "is. models/builtin/README.md has honest figures."
        ),
    ),
    "evaluate.matrix": Text(zh="行为真实类别，列为模型的回答：", en="Rows are the truth, columns the answer:"),
    "evaluate.column_recall": Text(zh="召回率", en="recall"),
    "evaluate.column_precision": Text(zh="精确率", en="precision"),
    "evaluate.column_f1": Text(zh="F1 值", en="F1"),
    "evaluate.no_manifest": Text(
        zh=(
            "{found} 不存在。请给出一个表格（path,label[,speaker]）、EmoBox 的 .jsonl，内含各情感文件夹的文件夹，"
            "或按 RAVDESS、CREMA-D、EMO-DB 命名的录音的文件夹。"
        ),
        en=(
            "{found} does not exist. Give a table (path,label[,speaker]), a .jsonl of EmoBox, a folder with a folder "
            "per emotion, or a folder with recordings named as in RAVDESS, CREMA-D or EMO-DB."
        ),
    ),
    "evaluate.nothing_listed": Text(
        zh="{found} 中没有任何可用的录音。表格每行一段录音；文件夹按情感命名，例如 angry/a.wav。",
        en="{found} lists no recording with a label. A table has a line for each; folders are named after emotions: "
        "angry/a.wav.",
    ),
    "evaluate.unreadable": Text(
        zh="无法读取 {found}（{reason}）。请保存为 UTF-8 编码的 CSV 或 TSV。",
        en="{found} can't be read ({reason}). Save it as CSV or TSV in UTF-8.",
    ),
    "evaluate.bad_columns": Text(
        zh=(
            "{file} 的列是：{found}。需要 path 和 label（或 emotion；多位标注者则为两列以上的 annotator_…），"
            "可选 speaker、corpus。请补上表头。"
        ),
        en=(
            "{file} has the columns {found}. It needs path and label (or emotion; or two and more annotator_... "
            "columns of several people), and may have speaker and corpus. Add a first line with these names."
        ),
    ),
    "evaluate.bad_emobox": Text(
        zh="{file} 第 {line} 行：找到 {found}，需要文字字段 wav 和 emo（EmoBox 的格式，每行一个对象）。请检查。",
        en="{file}, line {line}: found {found}; the texts wav and emo are needed (EmoBox's format, an object per "
        "line). Check the file.",
    ),
    "evaluate.odd_names": Text(
        zh="{where} 中有录音的文件名不符合其余文件（{expected}）的命名规则：{found}。请移走它们，或改用表格。",
        en="Some recordings in {where} are not named like the rest ({expected}): {found}. Move them away, or list the "
        "recordings in a table.",
    ),
    "evaluate.agreement": Text(
        zh=(
            "{annotators} 位标注者：{recordings} 段录音有多个标注，完全一致 {unanimous:.1%}，"
            "Krippendorff α = {alpha}；{undecided} 段没有多数意见，未计入{names}。"
        ),
        en=(
            "{annotators} annotators: {recordings} recordings have several labels, all agree on {unanimous:.1%}, "
            "Krippendorff's alpha {alpha}; {undecided} without a majority were left out{names}."
        ),
    ),
    "evaluate.no_recording": Text(
        zh="{file} 第 {line} 行：找不到录音 {found}。路径相对于表格所在的文件夹，请检查。",
        en="{file}, line {line}: the recording {found} is not there. Paths are relative to the table; check it.",
    ),
    "evaluate.unknown_emotion": Text(
        zh="{where} 中有未知的情感标签：{found}。请改为以下之一（不属于其中的可写 other）：{expected}。",
        en="{where} has labels that are no known emotion: {found}. Rename them to one of these (other, if none fits): "
        "{expected}.",
    ),
    "evaluate.not_written": Text(
        zh="无法写入 {folder}（{reason}）。请用 --outputs-dir 给出可写的文件夹。",
        en="{folder} can't be written to ({reason}). Give a folder that can be, with --outputs-dir.",
    ),
    "evaluate.all_failed": Text(
        zh="{clips} 段录音全部无法解码（第一个：{first}）。请检查这些文件。",
        en="Not one of {clips} recordings could be decoded (the first: {first}). Check the files.",
    ),
}
