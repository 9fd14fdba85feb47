"""Texts of the comparison of models: its tables, its rules, and the messages while it runs."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

TEXTS: Final[Mapping[str, Text]] = {
    "compare.title": Text(zh="模型对比", en="Model comparison"),
    "compare.intro": Text(
        zh=(
            "{machine}，{cores} 核，{gpus}，{versions}；{threads} 个线程。各模型在各自的进程中运行，轮流处理"
            "相同的录音；每种长度 {rounds} 轮，先预热。"
        ),
        en="{machine}, {cores} cores, {gpus}, {versions}; {threads} threads. Each model runs in its own process, and "
        "the models take turns on the same audio; {rounds} rounds per length after one warm-up round.",
    ),
    "compare.no_gpu": Text(zh="无 NVIDIA GPU", en="no NVIDIA GPU"),
    "compare.speed": Text(zh="1 速度", en="1 Speed"),
    "compare.memory": Text(zh="2 内存", en="2 Memory"),
    "compare.accuracy": Text(zh="3 准确率（{clips} 段录音）", en="3 Accuracy ({clips} recordings)"),
    "compare.no_data": Text(
        zh="没有给出带标注的录音（--data），因此没有准确率和特征的对比。",
        en="No labelled recordings were given (--data), so accuracy and embeddings are not compared.",
    ),
    "compare.per_class": Text(zh="3b 各类别：召回率 / 精确率 / F1", en="3b Per class: recall / precision / F1"),
    "compare.embedding": Text(zh="4 特征向量", en="4 Embedding"),
    "compare.deployment": Text(zh="5 部署", en="5 Deployment"),
    "compare.output": Text(zh="6 输出", en="6 Output"),
    "compare.reference": Text(
        zh="参考：引自本对比所参照的文章（并非在本机测得）",
        en="For reference: figures of the article that this comparison follows (not measured here)",
    ),
    "compare.reference_note": Text(
        zh="文章所用的机器：RTX 3090，8 核 Xeon E5-2680 v4；120 段 3–15 秒的录音，准确率基于其中 60 段中文录音。",
        en="The article's machine: RTX 3090, 8-core Xeon E5-2680 v4; 120 clips of 3-15 s, accuracy on 60 Chinese ones.",
    ),
    "compare.model": Text(zh="模型", en="model"),
    "compare.cold_s": Text(zh="首次启动（秒）", en="first start, s"),
    "compare.warm_s": Text(zh="再次启动（秒）", en="second start, s"),
    "compare.latency": Text(zh="{seconds:g} 秒音频，p50 / p95（秒）", en="{seconds:g} s of audio, p50 / p95, s"),
    "compare.chart": Text(zh="{seconds:g} 秒音频，中位数（秒）", en="{seconds:g} s of audio, median, s"),
    "compare.loaded_mb": Text(zh="加载后（MB）", en="loaded, MB"),
    "compare.peak_mb": Text(zh="峰值（MB）", en="peak, MB"),
    "compare.gpu_mb": Text(zh="显存峰值（MB）", en="GPU peak, MB"),
    "compare.recall": Text(zh="平均召回率", en="average recall"),
    "compare.right": Text(zh="准确率", en="accuracy"),
    "compare.weighted_f1": Text(zh="加权 F1", en="weighted F1"),
    "compare.shared_recall": Text(zh="共有类别的平均召回率", en="average recall, shared classes"),
    "compare.confused": Text(zh="最常混淆", en="most frequent confusion"),
    "compare.answered": Text(zh="已识别", en="recognized"),
    "compare.dimension": Text(zh="维度", en="dimension"),
    "compare.how": Text(zh="获取方式", en="how to get it"),
    "compare.purity": Text(zh="最近邻情感相同", en="nearest neighbour: same emotion"),
    "compare.other_speakers": Text(
        zh="最近邻（其他说话人中）情感相同", en="nearest neighbour among other speakers: same emotion"
    ),
    "compare.speaker_purity": Text(zh="最近邻说话人相同", en="nearest neighbour: same speaker"),
    "compare.download_mb": Text(zh="下载（MB）", en="download, MB"),
    "compare.included": Text(zh="自带", en="included"),
    "compare.packages": Text(zh="依赖", en="requires"),
    "compare.size_mb": Text(zh="磁盘（MB）", en="on disk, MB"),
    "compare.engine": Text(zh="引擎", en="engine"),
    "compare.device": Text(zh="设备", en="device"),
    "compare.license": Text(zh="权重许可证", en="licence of the weights"),
    "compare.offline": Text(zh="可离线使用", en="works offline"),
    "compare.yes": Text(zh="是", en="yes"),
    "compare.classes": Text(zh="类别", en="classes"),
    "compare.frames": Text(zh="帧级得分", en="frame scores"),
    "compare.failed": Text(zh="失败", en="failed"),
    "compare.per_clip": Text(zh="每段（秒）", en="per clip, s"),
    "compare.load_s": Text(zh="首次加载（秒）", en="first load, s"),
    "compare.ram_gb": Text(zh="内存峰值（GB）", en="RAM peak, GB"),
    "compare.gpu_gb": Text(zh="显存峰值（GB）", en="GPU peak, GB"),
    "compare.f_score": Text(zh="F1 值", en="F1"),
    "compare.advice": Text(zh="建议（按以下规则得出）", en="Advice, by these rules"),
    "compare.rule_accurate": Text(
        zh="准确率最高：共有类别的平均召回率最高的是 {models}（包括 95% 区间与之重叠的模型）。",
        en="Most accurate: {models} (highest average recall on the shared classes, including models whose 95 % "
        "intervals overlap).",
    ),
    "compare.rule_trained_on": Text(
        zh=(
            "与准确率有关的规则不计入 {model}：有 {count} 段录音属于它的训练数据（{names}），"
            "在这些录音上的数字会远好于实际水平。"
        ),
        en="The rules on accuracy leave out {model}: {count} of the recordings are from its training data ({names}), "
        "and its figures for them are far too good.",
    ),
    "compare.rule_all_trained": Text(
        zh="因此这些录音无法说明哪个模型更准确。请换用不属于任何模型训练数据的录音。",
        en="So these recordings do not show which model is more accurate. Use recordings that no model was trained on.",
    ),
    "compare.rule_fast": Text(
        zh="速度最快：处理 {seconds:g} 秒音频的用时中位数最小的是 {model}（{median_s:.2f} 秒）。",
        en="Fastest: {model} (smallest median for {seconds:g} s of audio: {median_s:.2f} s).",
    ),
    "compare.rule_real_time": Text(
        zh="比实时快 {times:g} 倍以上（适合交互使用）：{models}。",
        en="More than {times:g} x real time (fit for interactive use): {models}.",
    ),
    "compare.rule_memory": Text(
        zh="内存占用最少：内存峰值最小的是 {model}（{peak_mb:.0f} MB）。",
        en="Least memory: {model} (smallest peak: {peak_mb:.0f} MB).",
    ),
    "compare.rule_classes": Text(zh="类别最多：{models}（{count} 种）。", en="Most classes: {models} ({count})."),
    "compare.rule_fit": Text(
        zh=(
            "在给定条件下（内存 ≤ {memory_mb:.0f} MB，{seconds:g} 秒音频 ≤ {latency_s:g} 秒，语言：{speech}）："
            "{models}。"
        ),
        en=(
            "Within the given limits (memory up to {memory_mb:.0f} MB, {seconds:g} s of audio in {latency_s:g} s, "
            "language of the speech: {speech}): {models}."
        ),
    ),
    "compare.rule_take": Text(
        zh="其中平均召回率最高的是 {model}（{recall:.3f}），建议使用它。",
        en="Of these, {model} has the highest average recall ({recall:.3f}) and is recommended.",
    ),
    "compare.any_language": Text(zh="不限", en="any"),
    "compare.languages": Text(zh="训练语言", en="training languages"),
    "compare.no_model": Text(zh="无", en="none"),
    "compare.written": Text(zh="报告已保存到 {path}", en="Report saved to {path}"),
    "compare.busy": Text(zh="正在对比", en="Comparing"),
    "compare.exists": Text(
        zh="{path} 中已有一次对比。加上 --resume 可继续，或用 --out 指定另一个文件夹。",
        en="{path} already contains a comparison. Add --resume to continue it, or name another folder with --out.",
    ),
    "compare.other_request": Text(
        zh="{path} 中的对比使用了其他模型或数据。请用 --out 指定另一个文件夹。",
        en="The comparison in {path} is of other models or recordings. Name another folder with --out.",
    ),
}
