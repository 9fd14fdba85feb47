"""Texts of the command line: help, messages of commands, exit codes. Help is Rich markup: no square brackets in it."""

from collections.abc import Mapping
from typing import Final

from webui.texts.language import Text

_HELP: Final[Mapping[str, Text]] = {
    "cli.help": Text(
        zh=(
            "语音情感识别：网页与命令行。不带命令时启动网页（等同于 serve）。\n\n"
            "{program}                         启动网页\n"
            "{program} recognize a.mp3 b.wav   识别录音的情感\n"
            "{program} doctor                  检查本机"
        ),
        en=(
            "Speech emotion recognition: a web page and a command line. Without a command the page starts, like "
            "serve.\n\n"
            "{program}                         starts the page\n"
            "{program} recognize a.mp3 b.wav   recognizes the emotion of recordings\n"
            "{program} doctor                  checks this machine"
        ),
    ),
    "cli.help_epilog": Text(
        zh=(
            "每个设置都有对应的环境变量，例如 SPEECH_EMOTION_PORT=8000；完整列表见 docs/zh/SETTINGS.md。\n\n"
            "退出码：\n{exit_codes}\n\n查看某个命令的帮助：{program} recognize --help"
        ),
        en=(
            "Every setting is an environment variable too, for example SPEECH_EMOTION_PORT=8000; "
            "docs/SETTINGS.md lists them.\n\n"
            "Exit codes:\n{exit_codes}\n\nHelp on one command: {program} recognize --help"
        ),
    ),
    "cli.help_serve": Text(
        zh="启动网页；端口被占用时自动换下一个。按 Ctrl-C 停止。",
        en="Starts the web page; uses the next free port if the port is taken. Ctrl-C stops it.",
    ),
    "cli.help_recognize": Text(
        zh=(
            "识别录音的情感，并把结果写入 outputs/ 下的新文件夹。\n\n"
            "支持各种音频格式以及视频的音轨；“-” 表示从标准输入读取。多个文件中有一个出错时，其余照常识别。"
        ),
        en=(
            "Recognizes the emotion of recordings, and writes each result to a new folder in outputs/.\n\n"
            "Any audio format, and the audio track of videos; `-` reads standard input. "
            "If one of several files fails, the others are still processed."
        ),
    ),
    "cli.help_recognize_epilog": Text(
        zh=(
            "示例：\n"
            "  {program} recognize a.mp3\n"
            "  {program} recognize *.wav --json > results.jsonl        每个文件一行 JSON\n"
            "  {program} recognize a.m4a --granularity frame --window 2 --hop 0.5\n"
            "  {program} recognize a.wav --granularity segment --merge\n"
            "  {program} recognize a.flac --embedding                  另存 embedding.npy\n"
            "  curl -s URL | {program} recognize - --json | jq .emotion"
        ),
        en=(
            "Examples:\n"
            "  {program} recognize a.mp3\n"
            "  {program} recognize *.wav --json > results.jsonl        one line of JSON per file\n"
            "  {program} recognize a.m4a --granularity frame --window 2 --hop 0.5\n"
            "  {program} recognize a.wav --granularity segment --merge\n"
            "  {program} recognize a.flac --embedding                  also writes embedding.npy\n"
            "  curl -s URL | {program} recognize - --json | jq .emotion"
        ),
    ),
    "cli.help_models": Text(zh="列出可用的模型。", en="Lists the available models."),
    "cli.help_download": Text(
        zh="下载模型权重到 models/：优先从 ModelScope 下载，失败则改用 Hugging Face。中断后再次运行会从断点继续。",
        en=(
            "Downloads a model's weights to models/: from ModelScope, or from Hugging Face if that fails. "
            "An interrupted download is resumed."
        ),
    ),
    "cli.help_remove": Text(
        zh="删除 models/ 中某个模型的权重；其他程序的缓存不受影响。",
        en="Deletes a model's weights from models/; caches of other programs are not touched.",
    ),
    "cli.help_key": Text(
        zh="为服务器生成 API 密钥或网页登录账号；设置里只保存哈希。",
        en="Creates API keys and logins for the server; the settings store only their hashes.",
    ),
    "cli.help_key_epilog": Text(
        zh=("{program} key new          生成并显示新密钥及其哈希\n{program} key login anna   输入密码，显示账号"),
        en=(
            "{program} key new          prints a new key and its hash\n"
            "{program} key login anna   prompts for a password, prints the login"
        ),
    ),
    "cli.help_verify": Text(
        zh="用本机的权重对比 native 引擎与 FunASR 的数值，并把验证结果保存在权重旁边。不一致时退出码为 7。",
        en=(
            "Compares the native engine's numbers with FunASR's, using the weights on this machine, and saves the "
            "outcome next to the weights. The exit code is 7 if they differ."
        ),
    ),
    "cli.help_evaluate": Text(
        zh=(
            "用带标注的录音评测模型：召回率、混淆矩阵等。\n\n"
            "另有准确率、F1、校准误差，以及按说话人重抽样的置信区间。"
            "MANIFEST 是 CSV 或 TSV 表格（path,label[,speaker][,corpus]），或按情感分子文件夹的文件夹。"
        ),
        en=(
            "Evaluates a model on labelled recordings: recall, confusion matrix and more.\n\n"
            "Also accuracy, F1 and calibration error, with intervals from resampling speakers. "
            "MANIFEST is a CSV or TSV table (path,label and, if known, speaker and corpus), or a folder with one "
            "subfolder per emotion."
        ),
    ),
    "cli.help_compare": Text(
        zh="在本机上对比几个模型。\n\n速度、内存、准确率、特征、部署和输出，共六张表，另有一份 HTML 报告。",
        en="Compares several models on this machine.\n\n"
        "Six tables (speed, memory, accuracy, embeddings, deployment, output), and an HTML report.",
    ),
    "cli.help_compare_epilog": Text(
        zh="示例：\n  {program} compare --models emotion2vec_plus_large,builtin --data labels.csv --out comparison",
        en="Example:\n  {program} compare --models emotion2vec_plus_large,builtin --data labels.csv --out comparison",
    ),
    "cli.help_batch": Text(
        zh="批量识别录音，结果汇总为一张表；中断后可以继续。\n\n文件夹会连同子文件夹一起处理。",
        en="Recognizes many recordings into one table; can be resumed after an interruption.\n\n"
        "Folders are searched recursively.",
    ),
    "cli.help_batch_epilog": Text(
        zh="示例：\n  {program} batch recordings --out results.csv\n"
        "  {program} batch recordings --out results.csv --resume   中断后继续",
        en="Examples:\n  {program} batch recordings --out results.csv\n"
        "  {program} batch recordings --out results.csv --resume   after an interruption",
    ),
    "cli.help_train": Text(
        zh="用自己的录音训练一个小模型；说明见 training/README.md（英文）。",
        en="Trains a small model on your own recordings: training/README.md.",
    ),
    "cli.help_export": Text(
        zh="把模型导出为一个文件，供没有 PyTorch 的程序和小型设备使用。",
        en="Exports a model as one file, for programs and small devices without PyTorch.",
    ),
    "cli.help_export_epilog": Text(
        zh="示例：\n  {program} export emotion2vec_plus_large --format onnx --precision int8",
        en="Example:\n  {program} export emotion2vec_plus_large --format onnx --precision int8",
    ),
    "cli.help_doctor": Text(
        zh="检查本机：已安装的软件、GPU、模型、磁盘、端口，并试着加载模型。",
        en="Checks this machine: installed packages, GPU, models, disk, port; and tries to load the model.",
    ),
    "cli.help_doctor_epilog": Text(
        zh="发现妨碍程序运行的问题时，退出码为 7。常见问题见 docs/zh/FAQ.md；报告问题时请附上本命令的输出。",
        en=(
            "The exit code is 7 if something prevents the program from working. "
            "docs/FAQ.md answers common questions; please include this output in bug reports."
        ),
    ),
}

_OPTIONS: Final[Mapping[str, Text]] = {
    "cli.option_version": Text(zh="显示版本。", en="Shows the version."),
    "cli.option_lang": Text(
        zh="界面语言；默认按系统区域设置（LC_ALL、LC_MESSAGES、LANG）。可以写在任何位置。",
        en="Language of the output; by default the locale's (LC_ALL, LC_MESSAGES, LANG). May appear anywhere.",
    ),
    "cli.option_host": Text(
        zh="监听的地址；0.0.0.0 对整个网络开放。", en="Address to listen on; 0.0.0.0 opens it to the network."
    ),
    "cli.option_port": Text(zh="首选端口，默认 7860。", en="First port to try, 7860 by default."),
    "cli.option_model": Text(
        zh="使用的模型；models 命令列出名称，auto 自动选择最好的一个。",
        en="Model to use; `models` lists the names, auto selects the best one.",
    ),
    "cli.option_device": Text(zh="运行模型的设备。", en="Device to run the model on."),
    "cli.option_engine": Text(
        zh="引擎：auto、native、onnx，或参考实现 funasr。",
        en="Engine for Emotion2Vec: auto, native, onnx, or funasr (the reference).",
    ),
    "cli.option_precision": Text(
        zh="精度：fp32（默认），fp16、bf16（GPU），int8（CPU 上最快）。",
        en="fp32 (default), fp16 or bf16 (GPU), int8 (fastest on a CPU).",
    ),
    "cli.option_verify_precision": Text(
        zh="改为对比该精度与 fp32。",
        en="Compares this precision with fp32, instead of native with FunASR.",
    ),
    "cli.option_format": Text(
        zh="onnx（含归一化的整个计算图），或 safetensors（权重）。",
        en="onnx (the whole graph, normalisation included), or safetensors (weights).",
    ),
    "cli.option_export_dir": Text(
        zh="写入的文件夹，默认 models/NAME。", en="Folder to write to, models/NAME by default."
    ),
    "cli.option_large_name": Text(zh="模型名称，见 models 命令。", en="Name of a model, see `models`."),
    "cli.option_download_name": Text(
        zh="模型名称，见 models 命令；或 Hugging Face 上的 owner/name（语音分类模型）。",
        en="Name of a model, see `models`; or owner/name of an audio classification model on Hugging Face.",
    ),
    "cli.option_yes": Text(zh="不再询问。", en="Does not ask for confirmation."),
    "cli.option_manifest": Text(zh="表格，或文件夹。", en="Table, or folder."),
    "cli.option_evaluate_output": Text(
        zh="保存评测结果的文件夹：报告、混淆矩阵图，以及每段录音的得分 predictions.csv。",
        en="Folder for the report, the confusion matrix, and the scores of each recording (predictions.csv).",
    ),
    "cli.option_model_dir": Text(
        zh="权重所在的文件夹，最先查找。", en="Folder with the model's weights, searched first."
    ),
    "cli.option_outputs_dir": Text(zh="写入结果的文件夹。", en="Folder to write results to."),
    "cli.option_key_action": Text(
        zh="new：新的 API 密钥；login：网页登录账号。", en="new: an API key; login: a login for the page."
    ),
    "cli.option_key_user": Text(zh="login：用户名。", en="login: the user name."),
    "cli.option_ssl_certfile": Text(
        zh="TLS 证书（PEM）：以 https 提供服务。", en="TLS certificate (PEM): enables https."
    ),
    "cli.option_ssl_keyfile": Text(zh="证书的私钥（PEM）。", en="Private key of the certificate (PEM)."),
    "cli.option_json": Text(zh="标准输出只有 JSON。", en="Writes only JSON to stdout."),
    "cli.option_files": Text(zh="音频文件；“-” 为标准输入。", en="Audio files; `-` is standard input."),
    "cli.option_granularity": Text(
        zh="utterance：整段一个结果； frame：另给出随时间的变化； segment：另给出各语音片段。",
        en="utterance: one result; frame: also scores over time; segment: also one result per speech segment.",
    ),
    "cli.option_embedding": Text(zh="另存特征 embedding.npy。", en="Also writes the embedding to embedding.npy."),
    "cli.option_window": Text(
        zh="frame：每行取多少秒的平均，默认 1.0。", en="frame: seconds averaged per row, 1.0 by default."
    ),
    "cli.option_hop": Text(
        zh="frame：相邻两行相隔多少秒，默认 0.2。", en="frame: seconds between rows, 0.2 by default."
    ),
    "cli.option_raw": Text(
        zh="frame：模型的每一帧一行，不做平滑。", en="frame: one row per model frame, without smoothing."
    ),
    "cli.option_verbose": Text(
        zh="在标准错误上显示处理日志，以及提示的详情。", en="Shows the processing log and full warnings on stderr."
    ),
}

_EXIT_CODES: Final[Mapping[str, Text]] = {
    "cli.exit_ok": Text(zh="成功", en="success"),
    "cli.exit_unexpected": Text(zh="内部错误", en="internal error"),
    "cli.exit_request": Text(zh="命令行参数或设置有误", en="invalid command line or setting"),
    "cli.exit_audio": Text(zh="音频无法使用", en="the audio can't be used"),
    "cli.exit_model": Text(zh="模型无法使用", en="the model can't be used"),
    "cli.exit_output": Text(zh="结果无法写入", en="the results can't be written"),
    "cli.exit_partly": Text(zh="多个文件中有一部分失败", en="some of several files failed"),
    "cli.exit_unhealthy": Text(zh="doctor 发现了问题", en="doctor found a problem"),
    "cli.exit_interrupted": Text(zh="被 Ctrl-C 中断", en="interrupted by Ctrl-C"),
    "cli.exit_closed_pipe": Text(zh="输出管道被提前关闭（如 | head）", en="the output pipe was closed (| head)"),
    "cli.exit_terminated": Text(zh="被终止（SIGTERM、SIGHUP）", en="terminated (SIGTERM, SIGHUP)"),
}

_MESSAGES: Final[Mapping[str, Text]] = {
    "cli.starting": Text(
        zh="正在启动网页，需要几秒。出现 Running on local URL 后，用浏览器打开其中的地址；按 Ctrl-C 停止。",
        en="Starting the page; this takes a few seconds. Then open the URL in a browser. Ctrl-C stops the program.",
    ),
    "cli.answered_by": Text(
        zh="所用模型：{name}（引擎 {engine}，精度 {precision}，设备 {device}，权重许可证 {license}）",
        en="Model: {name} (engine {engine}, precision {precision}, device {device}, licence of the weights {license})",
    ),
    "cli.short_notice": Text(zh="{message}（详情：--verbose）", en="{message} (details: --verbose)"),
    "cli.saved": Text(zh="结果：{folder}（{files}）", en="Results: {folder} ({files})"),
    "cli.course": Text(
        zh="随时间的变化（{rows} 行，窗口 {window_s:.2f} 秒，步长 {hop_s:.2f} 秒）：",
        en="Over time ({rows} rows, window {window_s:.2f} s, hop {hop_s:.2f} s):",
    ),
    "cli.course_more": Text(zh="……另有 {more} 段，见 result.json", en="... and {more} more, see result.json"),
    "cli.course_in_file": Text(zh="随时间的变化：{rows} 行，见 {file}", en="Over time: {rows} rows, see {file}"),
    "cli.some_failed": Text(zh="{files} 个文件中有 {failed} 个失败。", en="{failed} of {files} files failed."),
    "cli.downloading": Text(zh="正在从 {hub} 下载 {model}", en="Downloading {model} from {hub}"),
    "cli.download_connecting": Text(
        zh="正在连接 ModelScope 和 Hugging Face……", en="Connecting to ModelScope and Hugging Face ..."
    ),
    "cli.downloaded": Text(zh="{model} 已就绪：{path}", en="{model} is ready: {path}"),
    "cli.remove_ask": Text(zh="删除 {path}（{size_mb:.0f} MB）？", en="Delete {path} ({size_mb:.0f} MB)?"),
    "cli.removed": Text(zh="已删除 {path}（{size_mb:.0f} MB）。", en="Deleted {path} ({size_mb:.0f} MB)."),
    "cli.kept": Text(zh="未删除任何文件。", en="Nothing was deleted."),
    "cli.remove_elsewhere": Text(
        zh="{path} 中仍有一份 {model}，属于其他程序的缓存，未作改动。",
        en="Another copy of {model} is in {path}, the cache of another program, and was not touched.",
    ),
    "cli.remove_builtin": Text(
        zh="{found} 是程序自带的模型，不能删除。请给出 models 命令列出的其他名称。",
        en="{found} is part of the program and can't be deleted. Name another model that `models` lists.",
    ),
    "cli.remove_nothing": Text(
        zh="{folder} 中没有可删除的 {model} 权重。各模型的位置可用 models 命令查看。",
        en="There are no weights of {model} in {folder} to delete. The `models` command shows where models are.",
    ),
    "cli.remove_unasked": Text(
        zh="删除前需要确认，但标准输入不是终端。请加上 --yes。",
        en="Deleting requires a confirmation, and standard input is not a terminal. Add --yes.",
    ),
    "cli.train_missing": Text(
        zh="找不到 {folder}：训练程序不在 Docker 镜像中。请在项目的完整副本里运行。",
        en="There is no folder {folder}: the Docker image does not contain the training programs. Use a full copy of "
        "the project.",
    ),
    "cli.models_auto": Text(zh="{auto} 目前指 {name}。", en="{auto} currently means {name}."),
    "cli.verify_builtin": Text(
        zh="{found} 是内置模型，没有可用于对比的参考实现；请给出 Emotion2Vec 系列的模型名。",
        en="{found} is the built-in model, which has no reference implementation; name a model of the Emotion2Vec "
        "family.",
    ),
    "cli.evaluate_busy": Text(zh="正在评测：{done}/{clips}", en="Evaluating: {done} of {clips}"),
    "cli.evaluate_kept": Text(
        zh="报告、混淆矩阵图和 predictions.csv 已保存到 {path}",
        en="Report, confusion matrix and predictions.csv saved to {path}",
    ),
    "cli.export_builtin": Text(
        zh="模型 {found} 不能导出；只能导出 Emotion2Vec 系列的模型，例如 emotion2vec_plus_large。",
        en="Model {found} can't be exported; an Emotion2Vec model is expected, for example emotion2vec_plus_large.",
    ),
    "cli.batch_busy": Text(zh="正在识别", en="Recognizing"),
    "cli.batch_done": Text(
        zh="完成 {done} 个，失败 {failed} 个；结果已保存到 {path}",
        en="{done} done, {failed} failed; results saved to {path}",
    ),
    "cli.batch_resumed": Text(
        zh="继续上次的任务：{files} 个文件中已完成 {done} 个。", en="Resuming: {done} of {files} are already done."
    ),
    "cli.batch_nothing": Text(
        zh="没有找到录音；支持的文件：{expected}。请检查文件夹。",
        en="No recording was found; files of these kinds are expected: {expected}. Check the folder.",
    ),
    "cli.batch_embedding_saved": Text(zh="{rows} 个特征向量已保存到 {path}", en="{rows} embeddings saved to {path}"),
    "cli.batch_embedding_exists": Text(
        zh="{path} 已存在，但没有与它对应的表格。请用 --embedding 指定另一个文件名，或用 --force 覆盖。",
        en="{path} exists already, but its table does not. Name another file with --embedding, or add --force to "
        "replace it.",
    ),
    "cli.batch_embedding_format": Text(
        zh="无法从 {found} 判断数组的格式，应以 {expected} 结尾。请换一个文件名。",
        en="The name {found} has no known array format; it should end in {expected}. Rename it.",
    ),
    "cli.batch_other_embedding": Text(
        zh=(
            "{path} 不是 batch 写出的特征数组（.npy 旁边还应有 .names.csv），无法继续。"
            "请另起文件名，或用 --force 覆盖。"
        ),
        en="{path} is not an array that batch wrote (a .npy file has its .names.csv beside it), so it can't be "
        "continued. Name another file, or add --force to replace it.",
    ),
    "cli.batch_other_model": Text(
        zh="{path} 中的特征向量来自模型 {found}。请用 --model {found} 继续，另起文件名，或用 --force 覆盖。",
        en="The embeddings in {path} are from the model {found}. Continue with --model {found}, name another file, or "
        "add --force to replace it.",
    ),
    "cli.batch_format": Text(
        zh="无法从 {found} 判断表格的格式，应以 {expected} 结尾。请换一个文件名，或加上 --format。",
        en="The name {found} has no known table format; it should end in {expected}. Rename it, or add --format.",
    ),
    "cli.batch_needs_jsonl": Text(
        zh="{format} 表格每段录音一行，无法容纳 {found} 的结果。请使用 --format jsonl。",
        en="A {format} table has one row per recording, which can't hold {found} results. Use --format jsonl.",
    ),
    "cli.batch_other_options": Text(
        zh="{file} 是用其他选项创建的。请用相同的选项继续，或去掉 --resume 重新开始。",
        en="{file} was started with other options. Resume with the same options, or omit --resume to start again.",
    ),
    "cli.batch_exists": Text(
        zh="{path} 已存在，或其任务未完成。加上 --resume 可继续，用 --out 指定另一个文件名，或用 --force 覆盖。",
        en=(
            "{path} exists already, or its batch is unfinished. Add --resume to continue it, name another file with "
            "--out, or add --force to replace it."
        ),
    ),
    "cli.batch_frames_finished": Text(
        zh=(
            "{path} 是已完成的逐帧表格，无法再添加录音。请用 --out 指定另一个文件名（.jsonl 可以继续），"
            "或用 --force 覆盖。"
        ),
        en="{path} is a finished table of frame scores, which can't be extended. Name another file with --out "
        "(a .jsonl can be extended), or add --force to replace it.",
    ),
    "cli.batch_other_table": Text(
        zh="{path} 不是 batch 以这种格式写出的表格，无法继续。请用 --out 指定另一个文件名，或用 --force 覆盖。",
        en=(
            "{path} is not a table that batch wrote in this format, so it can't be continued. Name another file with "
            "--out, or add --force to replace it."
        ),
    ),
    "cli.export_busy": Text(zh="正在导出 {model}……", en="Exporting {model} ..."),
    "cli.exported": Text(zh="已写入 {path}（{size_mb:.1f} MB）", en="Wrote {path} ({size_mb:.1f} MB)"),
    "cli.verify_agreement": Text(
        zh="主要情感一致的比例：{agreement:.1%}（{clips} 段音频）",
        en="Same main emotion: {agreement:.1%} of {clips} clips",
    ),
    "cli.verify_busy": Text(zh="正在用两个引擎处理相同的音频……", en="Running both engines on the same clips ..."),
    "cli.verify_clip": Text(zh="音频", en="clip"),
    "cli.verify_native": Text(zh="native 引擎", en="native"),
    "cli.verify_reference": Text(zh="FunASR 参考", en="FunASR"),
    "cli.verify_scores": Text(zh="得分最大差", en="largest score difference"),
    "cli.verify_features": Text(zh="特征最大差", en="largest feature difference"),
    "cli.verify_published": Text(
        zh="example/test.wav：官方公布的得分 {published}；本机 {ours}",
        en="example/test.wav: published {published}; here {ours}",
    ),
    "cli.verify_same": Text(
        zh="✓ 数值一致：得分最大差 {largest:.1e}，允许 {tolerance:.0e}。",
        en="✓ The numbers agree: largest score difference {largest:.1e}, {tolerance:.0e} allowed.",
    ),
    "cli.verify_differs": Text(
        zh="✗ 数值不一致：得分最大差 {largest:.1e}，允许 {tolerance:.0e}。请报告此问题，并附上 doctor 的输出。",
        en=(
            "✗ The numbers differ: largest score difference {largest:.1e}, {tolerance:.0e} allowed. "
            "Please report this with the output of `doctor`."
        ),
    ),
    "cli.verify_kept": Text(zh="验证结果已保存到 {path}", en="Saved to {path}"),
    "cli.models_name": Text(zh="名称", en="name"),
    "cli.models_ready": Text(zh="就绪", en="ready"),
    "cli.models_engine": Text(zh="引擎", en="engine"),
    "cli.models_license": Text(zh="权重许可证", en="licence of the weights"),
    "cli.models_size": Text(zh="大小", en="size"),
    "cli.models_path": Text(zh="路径", en="path"),
    "cli.yes": Text(zh="是", en="yes"),
    "cli.no": Text(zh="否", en="no"),
}

_DOCTOR: Final[Mapping[str, Text]] = {
    "cli.doctor_busy": Text(zh="正在检查……", en="Checking ..."),
    "cli.doctor_healthy": Text(zh="一切正常。", en="Everything works."),
    "cli.doctor_missing": Text(
        zh="缺少软件包：{names}。请运行 bash run.sh 安装。",
        en="Missing packages: {names}. Run bash run.sh to install them.",
    ),
    "cli.doctor_lite": Text(
        zh=(
            "只安装了 requirements-lite.txt 的软件包：可用导出的模型运行 recognize 和 batch；"
            "网页、REST API 和其他模型需要 bash run.sh 安装的全部软件包。"
        ),
        en=(
            "Only the packages of requirements-lite.txt are installed: `recognize` and `batch` work with an exported "
            "model. The page, the REST API and other models need all packages, which bash run.sh installs."
        ),
    ),
    "cli.lite_no_server": Text(
        zh=(
            "只安装了 requirements-lite.txt 的软件包，不能启动服务器；可用导出的模型运行 recognize 和 batch。"
            "要使用网页和 REST API，请用 bash run.sh 启动，它会安装全部软件包。"
        ),
        en=(
            "Only the packages of requirements-lite.txt are installed, which can't run the server; `recognize` and "
            "`batch` work with an exported model. For the page and the REST API start with bash run.sh, which installs "
            "all packages."
        ),
    ),
    "cli.doctor_unused_gpu": Text(
        zh="本机有 GPU（{found}），但安装的 PyTorch 只支持 CPU。请运行 SPEECH_EMOTION_TORCH=auto bash run.sh。",
        en=(
            "This machine has a GPU ({found}), but the installed PyTorch supports only the CPU. "
            "Run SPEECH_EMOTION_TORCH=auto bash run.sh."
        ),
    ),
    "cli.doctor_port_taken": Text(
        zh="端口 {port} 已被占用；启动时会自动换下一个空闲端口。",
        en="Port {port} is taken; the page will use the next free one.",
    ),
    "cli.doctor_low_disk": Text(
        zh="{folder} 所在磁盘只剩 {free_mb:.0f} MB，建议至少 {expected_mb:.0f} MB。请清理磁盘。",
        en=(
            "Only {free_mb:.0f} MB are free on the disk of {folder}; at least {expected_mb:.0f} MB are recommended. "
            "Free some space."
        ),
    ),
}

_DIAGNOSIS: Final[Mapping[str, Text]] = {
    "cli.error": Text(zh="错误：{message}", en="Error: {message}"),
    "cli.panel_options": Text(zh="选项", en="Options"),
    "cli.panel_commands": Text(zh="命令", en="Commands"),
    "cli.panel_arguments": Text(zh="参数", en="Arguments"),
    "cli.panel_required": Text(zh="[必填]", en="[required]"),
    "cli.panel_default": Text(zh="[默认：{{}}]", en="[default: {{}}]"),
    "cli.option_help": Text(zh="显示本说明并退出。", en="Show this message and exit."),
    "cli.usage_missing": Text(zh="缺少 {name}。", en="Missing {name}."),
    "cli.usage_no_option": Text(zh="没有选项 {found}。", en="No such option: {found}."),
    "cli.usage_no_option_but": Text(
        zh="没有选项 {found}，是否指 {likely}？", en="No such option: {found}. Did you mean {likely}?"
    ),
    "cli.usage_bad_value": Text(zh="{name} 的值无效：{reason}", en="Invalid value for {name}: {reason}"),
    "cli.usage": Text(
        zh="命令行有误：{message}\n用法见：{command} --help", en="Error: {message}\nSee {command} --help"
    ),
    "cli.file_like_an_option": Text(
        zh="{found} 以 - 开头，因此被当作选项。如果它是文件，请写成 ./{found}，或在文件名前加上 --。",
        en="{found} begins with a dash and is read as an option. For a file, write ./{found}, or -- before the files.",
    ),
    "cli.unexpected": Text(
        zh="发生内部错误（{kind}：{reason}）。请附上以上内容和 doctor 的输出报告此问题。",
        en=("Internal error ({kind}: {reason}). Please report it with the output above and the output of `doctor`."),
    ),
    "cli.interrupted": Text(zh="已中断。", en="Interrupted."),
    "cli.not_set_up": Text(
        zh="缺少软件包 {name}。请用 bash run.sh 启动，它会先安装所需的软件包。",
        en="The package {name} is missing. Start with bash run.sh, which first installs what is needed.",
    ),
    "cli.bad_setting": Text(
        zh="设置 {name} 的值 {found} 无效（{reason}）。请检查对应的选项或环境变量 {variable}。",
        en="Invalid value {found} for the setting {name} ({reason}). Check its option, or the environment variable "
        "{variable}.",
    ),
    "cli.option_compare_models": Text(
        zh="模型名，以逗号分隔； 默认为 Large、 Wav2Vec2-base 和 HuBERT-large。",
        en="Names separated by commas; by default Large, Wav2Vec2-base and HuBERT-large.",
    ),
    "cli.option_compare_data": Text(
        zh="带标注的录音，格式同 evaluate。", en="Labelled recordings, in the formats of `evaluate`."
    ),
    "cli.option_compare_memory": Text(
        zh="用于建议：设备的内存（对在 GPU 上运行的模型为显存）。",
        en="For the advice: memory of the device (GPU memory, for a model that runs on a GPU).",
    ),
    "cli.option_compare_latency": Text(
        zh="用于建议：处理 10 秒音频最多允许多少秒。", en="For the advice: seconds that 10 s of audio may take."
    ),
    "cli.option_compare_language": Text(
        zh="用于建议：语音语言，例如 zh。", en="For the advice: language of the speech, for example zh."
    ),
    "cli.option_compare_out": Text(zh="保存报告的文件夹。", en="Folder for the report."),
    "cli.option_compare_rounds": Text(zh="每种长度测量的轮数。", en="Rounds per length."),
    "cli.option_batch_sources": Text(zh="文件夹或音频文件。", en="Folders or audio files."),
    "cli.option_batch_out": Text(zh="结果表格，默认 results.csv。", en="Table to write, results.csv by default."),
    "cli.option_batch_format": Text(
        zh="表格的格式，默认由文件名决定。", en="Format of the table; by default taken from its name."
    ),
    "cli.option_batch_embedding": Text(
        zh="另存全部特征：.npz，或可内存映射的 .npy。",
        en="Also writes all embeddings as one array: .npz, or .npy, which can be memory-mapped.",
    ),
    "cli.option_batch_resume": Text(
        zh="继续上次的任务，跳过已完成的文件。", en="Resumes: files that are done are skipped."
    ),
    "cli.option_batch_force": Text(zh="覆盖已有的表格，从头开始。", en="Replaces an existing table and starts anew."),
    "cli.option_evaluate_force": Text(
        zh="覆盖文件夹中已有的评测。", en="Replaces an evaluation that is already in the folder."
    ),
    "cli.option_labels": Text(
        zh="只在这些情感中选择，用逗号分隔，例如 angry,happy；也可重复使用该选项。",
        en="Choose only among these emotions, for example angry,happy; can be repeated.",
    ),
    "cli.option_max_segment": Text(
        zh="segment：片段最长多少秒，默认 15。", en="segment: longest segment in seconds, 15 by default."
    ),
    "cli.option_merge_segments": Text(
        zh="segment：合并情感相同的相邻片段。", en="segment: merge neighbours with the same emotion."
    ),
    "cli.option_track": Text(
        zh="音轨的序号，从 1 开始；默认 auto。", en="Number of the audio track, from 1; auto by default."
    ),
    "cli.option_headerless": Text(
        zh="没有文件头的采样的格式，例如 alaw,8000,1。", en="Samples without a header, for example alaw,8000,1."
    ),
    "cli.option_channels": Text(
        zh="多声道：mix 混合（默认），separate 每个声道各有结果，数字只用该声道（从 0 起）。",
        en="mix averages the channels (default), separate gives a result for each, a number uses one (from 0).",
    ),
    "cli.option_channel_names": Text(
        zh="separate：各声道的名称，如 customer,agent。", en="separate: names of the channels, as in customer,agent."
    ),
    "cli.option_title": Text(zh="结果的名称，写入 result.json。", en="A name for the result, written to result.json."),
    "cli.channel": Text(zh="声道 {channel}", en="Channel {channel}"),
    "cli.only_with_frames": Text(
        zh="{found} 只适用于帧级得分。请加上 --granularity frame，或去掉该选项。",
        en="{found} only applies to frame scores. Add --granularity frame, or omit the option.",
    ),
    "cli.raw_or_smooth": Text(
        zh="{found} 互相矛盾：--raw 不做平滑，而 --window 和 --hop 用于平滑。请只用其中一种。",
        en="{found} contradict each other: --raw disables smoothing, --window and --hop set it. Use one or the other.",
    ),
    "cli.stdin_is_terminal": Text(
        zh="“-” 表示从标准输入读取音频，但标准输入是终端。请用管道或重定向，例如：recognize - < a.mp3。",
        en="`-` reads audio from standard input, which is a terminal. Pipe or redirect it: recognize - < a.mp3",
    ),
}

TEXTS: Final[Mapping[str, Text]] = {**_HELP, **_OPTIONS, **_EXIT_CODES, **_MESSAGES, **_DOCTOR, **_DIAGNOSIS}
