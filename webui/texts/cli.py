"""Texts of the command line: help, what commands say, exit codes. Help is Rich markup: no square brackets in it."""

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
            "Hears emotion in speech: a web page and a command line. Without a command the page starts, like serve.\n\n"
            "{program}                         starts the page\n"
            "{program} recognize a.mp3 b.wav   says the emotion of recordings\n"
            "{program} doctor                  examines this machine"
        ),
    ),
    "cli.help_epilog": Text(
        zh=(
            "每个设置也是环境变量，例如 SPEECH_EMOTION_PORT=8000；全部列在 docs/zh/SETTINGS.md。\n\n"
            "退出码：\n{exit_codes}\n\n某个命令的帮助：{program} recognize --help"
        ),
        en=(
            "Every setting is an environment variable too, SPEECH_EMOTION_PORT=8000 for instance; "
            "docs/SETTINGS.md lists them.\n\n"
            "Exit codes:\n{exit_codes}\n\nHelp on one command: {program} recognize --help"
        ),
    ),
    "cli.help_serve": Text(
        zh="启动网页；端口被占用时自动换下一个。按 Ctrl-C 停止。",
        en="Starts the web page; takes the next port if one is taken. Ctrl-C stops it.",
    ),
    "cli.help_recognize": Text(
        zh=(
            "识别录音的情感，并把结果写入 outputs/ 下的一个新文件夹。\n\n"
            "支持各种音频格式以及视频的音轨；“-” 表示从标准输入读取。多个文件中有一个出错时，其余照常识别。"
        ),
        en=(
            "Says the emotion of recordings, and writes each result to a new folder in outputs/.\n\n"
            "Any audio format, and the sound of videos; `-` reads standard input. "
            "Of several files, a bad one doesn't stop the others."
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
            "  {program} recognize *.wav --json > results.jsonl        a line of JSON per file\n"
            "  {program} recognize a.m4a --granularity frame --window 2 --hop 0.5\n"
            "  {program} recognize a.wav --granularity segment --merge\n"
            "  {program} recognize a.flac --embedding                  writes embedding.npy too\n"
            "  curl -s URL | {program} recognize - --json | jq .emotion"
        ),
    ),
    "cli.help_models": Text(zh="列出可用的模型。", en="Lists the models that can answer."),
    "cli.help_download": Text(
        zh="下载模型权重到 models/：先试 ModelScope，不行再试 Hugging Face。中断后再次运行会从断点继续。",
        en=(
            "Fetches a model's weights into models/: from ModelScope, else from Hugging Face. "
            "After an interruption it goes on from there."
        ),
    ),
    "cli.help_remove": Text(
        zh="删除 models/ 中某个模型的权重；其他程序的缓存不受影响。",
        en="Deletes a model's weights from models/; caches of other programs are left alone.",
    ),
    "cli.help_key": Text(
        zh="为服务器生成 API 密钥或网页登录账号；设置里只保存哈希。",
        en="Makes API keys and logins for the server; the settings hold nothing but hashes.",
    ),
    "cli.help_key_epilog": Text(
        zh=("{program} key new          打印一个新密钥和它的哈希\n{program} key login anna   询问密码，打印账号"),
        en=(
            "{program} key new          prints a new key and its hash\n"
            "{program} key login anna   asks for a password, prints the login"
        ),
    ),
    "cli.help_verify": Text(
        zh="用本机的权重比较 native 引擎与 FunASR 的数值，并把结论存在权重旁边。有差异时退出码为 7。",
        en=(
            "Compares the native engine's numbers with FunASR's, with the weights on this machine, and keeps the "
            "verdict beside them. The exit code is 7 if they differ."
        ),
    ),
    "cli.help_evaluate": Text(
        zh=(
            "在带标注的录音上评测模型：召回率、混淆矩阵等。\n\n"
            "另有准确率、F1、校准误差，以及按说话人重抽样的区间。"
            "MANIFEST 是 CSV 或 TSV 表格（path,label[,speaker][,corpus]），或内含各情感文件夹的文件夹。"
        ),
        en=(
            "Measures a model on labelled recordings: recall, confusion matrix and the like.\n\n"
            "Accuracy, F1 and calibration too, with intervals from drawing speakers again. "
            "MANIFEST is a CSV or TSV table (path,label and, if known, speaker and corpus), or a folder with a folder "
            "per emotion."
        ),
    ),
    "cli.help_compare": Text(
        zh="在本机上并排比较几个模型。\n\n速度、内存、准确率、特征、部署和输出，共六张表，另有一页 HTML 报告。",
        en="Puts several models side by side, on this machine.\n\n"
        "Speed, memory, accuracy, embeddings, deployment and output in six tables, and a report as one HTML page.",
    ),
    "cli.help_compare_epilog": Text(
        zh="示例：\n  {program} compare --models emotion2vec_plus_large,builtin --data labels.csv --out comparison",
        en="Example:\n  {program} compare --models emotion2vec_plus_large,builtin --data labels.csv --out comparison",
    ),
    "cli.help_batch": Text(
        zh="识别许多录音，得到一张表；中断后可以接着做。\n\n文件夹中的录音全部识别，包括子文件夹。",
        en="Recognizes many recordings into one table, and goes on where it was interrupted.\n\n"
        "Of a folder, every recording in it and below.",
    ),
    "cli.help_batch_epilog": Text(
        zh="示例：\n  {program} batch recordings --out results.csv\n"
        "  {program} batch recordings --out results.csv --resume   中断后继续",
        en="Examples:\n  {program} batch recordings --out results.csv\n"
        "  {program} batch recordings --out results.csv --resume   after an interruption",
    ),
    "cli.help_export": Text(
        zh="把模型写成一个文件，供没有 PyTorch 的程序和小型设备使用。",
        en="Writes a model as one file, for programs and small devices without PyTorch.",
    ),
    "cli.help_export_epilog": Text(
        zh="示例：\n  {program} export emotion2vec_plus_large --format onnx --precision int8",
        en="Example:\n  {program} export emotion2vec_plus_large --format onnx --precision int8",
    ),
    "cli.help_doctor": Text(
        zh="检查本机：已安装的软件、显卡、模型、磁盘、端口，并试着加载模型。",
        en="Examines this machine: what is installed, graphics card, models, disk, port; and loads the model once.",
    ),
    "cli.help_doctor_epilog": Text(
        zh="发现妨碍程序运行的问题时，退出码为 7。常见问题见 docs/zh/FAQ.md；报告问题时请附上其输出。",
        en=(
            "The exit code is 7 if something keeps the program from working. "
            "docs/FAQ.md answers common questions; a bug report needs the output."
        ),
    ),
}

_OPTIONS: Final[Mapping[str, Text]] = {
    "cli.option_version": Text(zh="显示版本。", en="Shows the version."),
    "cli.option_lang": Text(
        zh="界面语言；默认按系统区域设置（LC_ALL、LC_MESSAGES、LANG）。可以写在任何位置。",
        en="Language to speak; by default the locale's (LC_ALL, LC_MESSAGES, LANG). May stand anywhere.",
    ),
    "cli.option_host": Text(
        zh="监听的地址；0.0.0.0 对整个网络开放。", en="Address to listen on; 0.0.0.0 opens it to the network."
    ),
    "cli.option_port": Text(zh="首选端口，默认 7860。", en="First port to try, 7860 by default."),
    "cli.option_model": Text(
        zh="作答的模型；models 命令列出名称，auto 取最好的一个。",
        en="Model that answers; `models` lists the names, auto takes the best one.",
    ),
    "cli.option_device": Text(zh="模型运行的设备。", en="Device that the model runs on."),
    "cli.option_engine": Text(
        zh="引擎：auto、native、onnx，或参考实现 funasr。",
        en="Runs Emotion2Vec: auto, native, onnx, or funasr as the reference.",
    ),
    "cli.option_precision": Text(
        zh="精度：fp32（默认），fp16、bf16（显卡），int8（CPU 上最快）。",
        en="fp32 by default; fp16 or bf16 for a GPU, int8 as the fastest on a CPU.",
    ),
    "cli.option_verify_precision": Text(
        zh="改为比较该精度与 fp32。",
        en="Compares this precision with the native fp32, not the native one with FunASR.",
    ),
    "cli.option_format": Text(
        zh="onnx（含归一化的整个计算图），或 safetensors（权重）。",
        en="onnx (the whole graph, normalisation included), or safetensors (weights).",
    ),
    "cli.option_export_dir": Text(
        zh="写入的目录，默认 models/NAME。", en="Folder to write to, models/NAME by default."
    ),
    "cli.option_large_name": Text(zh="模型名称，见 models。", en="A model's name, see `models`."),
    "cli.option_download_name": Text(
        zh="模型名称，见 models；或 Hugging Face 上的 owner/name（语音分类模型）。",
        en="A model's name, see `models`; or owner/name of a classifier of speech on Hugging Face.",
    ),
    "cli.option_yes": Text(zh="不再询问。", en="Doesn't ask first."),
    "cli.option_manifest": Text(zh="表格，或文件夹。", en="Table, or folder."),
    "cli.option_evaluate_output": Text(
        zh="另存 evaluation.json、evaluation.md 和 confusion.svg 的文件夹。",
        en="Folder for evaluation.json, evaluation.md and confusion.svg.",
    ),
    "cli.option_model_dir": Text(
        zh="权重所在的文件夹，最先查找。", en="Folder that the model's weights lie in, looked at first."
    ),
    "cli.option_outputs_dir": Text(zh="结果写入的目录。", en="Folder that results are written to."),
    "cli.option_key_action": Text(
        zh="new：新的 API 密钥；login：网页登录账号。", en="new: an API key; login: a login of the page."
    ),
    "cli.option_key_user": Text(zh="login：用户名。", en="login: the user's name."),
    "cli.option_ssl_certfile": Text(
        zh="TLS 证书（PEM）：以 https 提供服务。", en="TLS certificate (PEM): speaks https."
    ),
    "cli.option_ssl_keyfile": Text(zh="证书的私钥（PEM）。", en="Private key of the certificate (PEM)."),
    "cli.option_json": Text(zh="标准输出只有 JSON。", en="Nothing but JSON on stdout."),
    "cli.option_files": Text(zh="音频文件；“-” 为标准输入。", en="Audio files; `-` is standard input."),
    "cli.option_granularity": Text(
        zh="utterance：整段一个答案；frame：随时间变化；segment：每段话。",
        en="utterance: one answer; frame: also scores over time; segment: also each stretch of speech.",
    ),
    "cli.option_embedding": Text(zh="另存特征 embedding.npy。", en="Also writes the features, embedding.npy."),
    "cli.option_window": Text(
        zh="frame：每行平均多少秒，默认 1.0。", en="frame: seconds that a row averages over, 1.0 by default."
    ),
    "cli.option_hop": Text(
        zh="frame：两行相隔多少秒，默认 0.2。", en="frame: seconds between two rows, 0.2 by default."
    ),
    "cli.option_raw": Text(
        zh="frame：模型的每一帧一行，不做平滑。", en="frame: a row for every frame of the model, not smoothed."
    ),
    "cli.option_verbose": Text(zh="在标准错误上显示处理日志。", en="Shows the processing log on stderr."),
}

_EXIT_CODES: Final[Mapping[str, Text]] = {
    "cli.exit_ok": Text(zh="成功", en="success"),
    "cli.exit_unexpected": Text(zh="程序自身的错误", en="a mistake of the program itself"),
    "cli.exit_request": Text(zh="命令行或设置不合理", en="a command line or setting that makes no sense"),
    "cli.exit_audio": Text(zh="音频无法使用", en="the audio can't be used"),
    "cli.exit_model": Text(zh="模型无法作答", en="the model can't answer"),
    "cli.exit_output": Text(zh="结果无法写入", en="the results can't be written"),
    "cli.exit_partly": Text(zh="多个文件中有一部分失败", en="some of several files failed"),
    "cli.exit_unhealthy": Text(zh="doctor 发现了问题", en="doctor found a problem"),
    "cli.exit_interrupted": Text(zh="被 Ctrl-C 中断", en="interrupted by Ctrl-C"),
    "cli.exit_closed_pipe": Text(zh="输出的读取方提前关闭（如 | head）", en="the reader of the output left (| head)"),
    "cli.exit_terminated": Text(zh="被终止（SIGTERM、SIGHUP）", en="terminated (SIGTERM, SIGHUP)"),
}

_SAYINGS: Final[Mapping[str, Text]] = {
    "cli.starting": Text(zh="正在启动网页，需要几秒……", en="Starting the page, a few seconds..."),
    "cli.answered_by": Text(
        zh="作答模型：{name}（引擎 {engine}，精度 {precision}，设备 {device}，权重许可 {license}）",
        en="Answered by the model {name} (engine {engine}, precision {precision}, device {device}, "
        "licence of the weights {license})",
    ),
    "cli.saved": Text(zh="结果：{folder}（{files}）", en="Results: {folder} ({files})"),
    "cli.course": Text(
        zh="随时间的变化（{rows} 行，窗口 {window_s:.2f} 秒，步长 {hop_s:.2f} 秒）：",
        en="Over time ({rows} rows, window {window_s:.2f} s, hop {hop_s:.2f} s):",
    ),
    "cli.course_more": Text(zh="……另有 {more} 段，见 result.json", en="... and {more} more, see result.json"),
    "cli.course_in_file": Text(zh="随时间的变化：{rows} 行，见 {file}", en="Over time: {rows} rows, see {file}"),
    "cli.some_failed": Text(zh="{files} 个文件中有 {failed} 个失败。", en="{failed} of {files} files failed."),
    "cli.downloading": Text(zh="正在从 {hub} 下载 {model}", en="Downloading {model} from {hub}"),
    "cli.download_asking": Text(
        zh="正在连接 ModelScope 和 Hugging Face……", en="Asking ModelScope and Hugging Face ..."
    ),
    "cli.downloaded": Text(zh="{model} 已就绪：{path}", en="{model} is here: {path}"),
    "cli.remove_ask": Text(zh="删除 {path}（{size_mb:.0f} MB）？", en="Delete {path} ({size_mb:.0f} MB)?"),
    "cli.removed": Text(zh="已删除 {path}（{size_mb:.0f} MB）。", en="Deleted {path} ({size_mb:.0f} MB)."),
    "cli.kept": Text(zh="没有删除任何东西。", en="Nothing was deleted."),
    "cli.remove_elsewhere": Text(
        zh="{model} 在另一处仍有一份：{path}。它属于其他程序的缓存，没有改动。",
        en="{model} also lies in {path}, the cache of another program, which is left alone.",
    ),
    "cli.remove_builtin": Text(
        zh="{found} 是程序自带的模型，不能删除。请给出 models 列出的其他名称。",
        en="{found} is part of the program and can't be deleted. Name another model that `models` lists.",
    ),
    "cli.remove_nothing": Text(
        zh="{folder} 中没有 {model} 的权重，无可删除。用 models 命令查看各模型所在的位置。",
        en="There are no weights of {model} in {folder} to delete. The `models` command shows where models lie.",
    ),
    "cli.remove_unasked": Text(
        zh="删除前需要确认，而标准输入不是终端。请加上 --yes。",
        en="Deleting wants a confirmation, and standard input is no terminal. Add --yes.",
    ),
    "cli.models_auto": Text(zh="{auto} 目前指 {name}。", en="{auto} stands for {name} at present."),
    "cli.verify_builtin": Text(
        zh="{found} 是内置模型，没有可对照的参考实现；请给出 emotion2vec 系列的模型名。",
        en="{found} is the built-in model, which has no reference; name a model of the emotion2vec family.",
    ),
    "cli.evaluate_busy": Text(zh="正在评测：{done}/{clips}", en="Measuring: {done} of {clips}"),
    "cli.evaluate_kept": Text(zh="报告和混淆矩阵图保存在 {path}", en="Report and picture are kept in {path}"),
    "cli.export_builtin": Text(
        zh="模型 {found} 不能导出，只能导出 Emotion2Vec 系列的模型，例如 emotion2vec_plus_large。",
        en="Model {found} can't be exported; an Emotion2Vec model is expected, emotion2vec_plus_large for instance.",
    ),
    "cli.batch_busy": Text(zh="正在识别", en="Recognizing"),
    "cli.batch_done": Text(
        zh="完成 {done} 个，失败 {failed} 个；结果在 {path}", en="{done} done, {failed} failed; the table is {path}"
    ),
    "cli.batch_resumed": Text(
        zh="接着上次：{files} 个中已完成 {done} 个。", en="Going on: {done} of {files} are done already."
    ),
    "cli.batch_nothing": Text(
        zh="没有找到录音，需要这些文件：{expected}。请检查文件夹。",
        en="No recording was found; files of these kinds are expected: {expected}. Check the folder.",
    ),
    "cli.batch_format": Text(
        zh="无法从 {found} 看出表格格式，应以 {expected} 结尾。请换一个文件名，或加上 --format。",
        en="{found} doesn't tell its format: a name that ends in {expected} is expected. Rename it, or add --format.",
    ),
    "cli.batch_needs_jsonl": Text(
        zh="{format} 表格每个录音一行，容不下 {found} 的结果。请使用 --format jsonl。",
        en="A {format} table has a row per recording, which can't hold {found} results. Use --format jsonl.",
    ),
    "cli.batch_other_options": Text(
        zh="{file} 是用其他选项开始的。请用相同的选项继续，或去掉 --resume 重新开始。",
        en="{file} was begun with other options. Go on with the same ones, or leave --resume out to begin anew.",
    ),
    "cli.export_busy": Text(zh="正在导出 {model} ……", en="Exporting {model} ..."),
    "cli.exported": Text(zh="已写入 {path}（{size_mb:.1f} MB）", en="{path} is written ({size_mb:.1f} MB)"),
    "cli.verify_agreement": Text(
        zh="主要情感一致的比例：{agreement:.1%}（{clips} 段音频）",
        en="Same main emotion: {agreement:.1%} of {clips} clips",
    ),
    "cli.verify_busy": Text(zh="正在用两个引擎运行相同的音频……", en="Running both engines on the same clips ..."),
    "cli.verify_clip": Text(zh="音频", en="clip"),
    "cli.verify_native": Text(zh="native 引擎", en="native"),
    "cli.verify_reference": Text(zh="FunASR 参考", en="FunASR"),
    "cli.verify_scores": Text(zh="得分最大差", en="largest score difference"),
    "cli.verify_features": Text(zh="特征最大差", en="largest feature difference"),
    "cli.verify_published": Text(
        zh="example/test.wav：公布的得分 {published}；本机 {ours}",
        en="example/test.wav: published {published}; here {ours}",
    ),
    "cli.verify_same": Text(
        zh="✓ 数值一致：得分最大差 {largest:.1e}，允许 {tolerance:.0e}。",
        en="✓ The numbers are the same: largest score difference {largest:.1e}, {tolerance:.0e} allowed.",
    ),
    "cli.verify_differs": Text(
        zh="✗ 数值不一致：得分最大差 {largest:.1e}，允许 {tolerance:.0e}。请报告此问题，并附上 doctor 的输出。",
        en=(
            "✗ The numbers differ: largest score difference {largest:.1e}, {tolerance:.0e} allowed. "
            "Report it with what doctor says."
        ),
    ),
    "cli.verify_kept": Text(zh="结论保存在 {path}", en="The verdict is kept in {path}"),
    "cli.models_name": Text(zh="名称", en="name"),
    "cli.models_ready": Text(zh="就绪", en="ready"),
    "cli.models_engine": Text(zh="引擎", en="engine"),
    "cli.models_license": Text(zh="权重许可", en="licence of the weights"),
    "cli.models_size": Text(zh="大小", en="size"),
    "cli.models_path": Text(zh="路径", en="path"),
    "cli.yes": Text(zh="是", en="yes"),
    "cli.no": Text(zh="否", en="no"),
}

_DOCTOR: Final[Mapping[str, Text]] = {
    "cli.doctor_busy": Text(zh="正在检查……", en="Examining..."),
    "cli.doctor_healthy": Text(zh="一切正常。", en="Everything works."),
    "cli.doctor_missing": Text(
        zh="缺少软件包：{names}。请运行 bash run.sh 安装。",
        en="Packages are missing: {names}. Run bash run.sh, which installs them.",
    ),
    "cli.doctor_unused_gpu": Text(
        zh="本机有显卡 {found}，但安装的 PyTorch 只支持 CPU。请运行 SPEECH_EMOTION_TORCH=auto bash run.sh。",
        en=(
            "There is a graphics card ({found}), but this PyTorch is built for the CPU alone. "
            "Run SPEECH_EMOTION_TORCH=auto bash run.sh."
        ),
    ),
    "cli.doctor_port_taken": Text(
        zh="端口 {port} 已被占用；启动时会自动换下一个空闲端口。",
        en="Port {port} is taken; the page will take the next free one.",
    ),
    "cli.doctor_low_disk": Text(
        zh="{folder} 所在磁盘只剩 {free_mb:.0f} MB，建议至少 {expected_mb:.0f} MB。请清理磁盘。",
        en=(
            "Only {free_mb:.0f} MB are free where {folder} lies; {expected_mb:.0f} MB or more are advisable. "
            "Free some space."
        ),
    ),
}

_DIAGNOSIS: Final[Mapping[str, Text]] = {
    "cli.error": Text(zh="错误：{message}", en="Error: {message}"),
    "cli.usage": Text(
        zh="命令行有误：{message}\n用法请看：{command} --help", en="Error: {message}\nSee {command} --help"
    ),
    "cli.unexpected": Text(
        zh="程序出错了（{kind}：{reason}）。请附上上面的内容和 doctor 的输出报告此问题。",
        en=(
            "The program made a mistake ({kind}: {reason}). "
            "Please report it with what stands above and the output of `doctor`."
        ),
    ),
    "cli.interrupted": Text(zh="已中断。", en="Interrupted."),
    "cli.not_set_up": Text(
        zh="缺少软件包 {name}。请用 bash run.sh 启动，它会先安装所需的一切。",
        en="The package {name} is missing. Start with bash run.sh, which installs what is needed first.",
    ),
    "cli.bad_setting": Text(
        zh="设置 {name} 的值 {found} 不合理（{reason}）。请检查对应的选项或环境变量 {variable}。",
        en="The setting {name} can't be {found} ({reason}). Check its option, or the environment variable {variable}.",
    ),
    "cli.option_compare_models": Text(
        zh="模型名，以逗号分隔； 默认为要比较的那三个。",
        en="Names with commas between them; large, Wav2Vec2-base and HuBERT-large by default.",
    ),
    "cli.option_compare_data": Text(
        zh="带标注的录音，同 evaluate。", en="Labelled recordings, as evaluate takes them."
    ),
    "cli.option_compare_memory": Text(
        zh="建议时：设备的内存（在 GPU 上运行的模型则为显存）。",
        en="For the advice: memory of the device (of the graphics card, for a model that runs there).",
    ),
    "cli.option_compare_latency": Text(
        zh="建议时：10 秒音频最多等几秒。", en="For the advice: how long 10 s of audio may take."
    ),
    "cli.option_compare_language": Text(
        zh="建议时：说话的语言，例如 zh。", en="For the advice: the language of the speech, zh say."
    ),
    "cli.option_compare_out": Text(zh="报告的文件夹。", en="Folder of the report."),
    "cli.option_compare_rounds": Text(zh="每种长度测几轮。", en="Rounds per length."),
    "cli.option_batch_sources": Text(zh="文件夹或音频文件。", en="Folders or audio files."),
    "cli.option_batch_out": Text(zh="结果表格，默认 results.csv。", en="The table; results.csv by default."),
    "cli.option_batch_format": Text(
        zh="表格的格式，默认按文件名。", en="The table's format; by its name unless given."
    ),
    "cli.option_batch_resume": Text(zh="接着做，已完成的不再识别。", en="Goes on: what is done is not done again."),
    "cli.option_labels": Text(
        zh="只在这些情感中选择，用逗号分隔。", en="Choose among these emotions alone: angry,happy for instance."
    ),
    "cli.option_max_segment": Text(
        zh="segment：最长多少秒，默认 15。", en="segment: longest stretch in seconds, 15 by default."
    ),
    "cli.option_merge_segments": Text(
        zh="segment：合并情感相同的相邻片段。", en="segment: join neighbours of the same emotion."
    ),
    "cli.only_with_frames": Text(
        zh="{found} 只对逐帧得分有效，而现在是整段识别。请加上 --granularity frame，或去掉该选项。",
        en=(
            "{found} is about frame scores, but one answer for the recording is asked for. "
            "Add --granularity frame, or leave it out."
        ),
    ),
    "cli.raw_or_smooth": Text(
        zh="{found} 互相矛盾：--raw 不做平滑，--window 和 --hop 用于平滑。请只用其中一种。",
        en="{found} contradict each other: --raw does not smooth, --window and --hop do. Use one or the other.",
    ),
    "cli.stdin_is_terminal": Text(
        zh="“-” 表示从标准输入读取音频，但标准输入是终端。请用管道或重定向，例如：recognize - < a.mp3。",
        en="`-` reads audio from standard input, which is a terminal. Pipe or redirect it: recognize - < a.mp3",
    ),
}

TEXTS: Final[Mapping[str, Text]] = {**_HELP, **_OPTIONS, **_EXIT_CODES, **_SAYINGS, **_DOCTOR, **_DIAGNOSIS}
