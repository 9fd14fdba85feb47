#!/usr/bin/env bash
# bash run.sh              installs everything into .venv next to this file, then starts the server with the page
# bash run.sh test         installs, then runs every check and test
# bash run.sh test --newest ...  the same in .venv-newest, with the newest versions that requirements*.txt allow
# bash run.sh lock ...     renews the locked versions, requirements*.lock: CONTRIBUTING.md
# bash run.sh train ...    installs, then trains a small model on your recordings: training/README.md
# bash run.sh bench        installs, then runs the benchmarks against other programs: docs/BENCHMARKS.md
# bash run.sh COMMAND ...  installs, then runs a command of the program: recognize, models, doctor, --help
#
# SPEECH_EMOTION_TORCH selects the build of PyTorch: cpu, auto (the one that suits the NVIDIA driver), cu126 and the
# like, or plain (the one that pip installs by itself). Default: cpu on Linux without an NVIDIA GPU, auto with one, plain
# on macOS.
#
# Written for bash 3.2, which macOS still ships. The installation prints to stderr only and does not read stdin: both
# stdin and stdout are for the command.

if [ -z "${BASH_VERSION:-}" ]; then exec bash "$0" "$@"; fi # `sh run.sh`
set -euo pipefail
unset PYTHONHOME

readonly MIN_MINOR=11 # Python 3.11
readonly UV="uv>=0.13,<0.14"

main() {
    ROOT=$(folder_of "${BASH_SOURCE[0]}")
    VENV="$ROOT/.venv"
    local kind=runtime
    case ${1:-} in test | bench) kind=dev ;; esac
    if [ "${1:-} ${2:-}" = "test --newest" ]; then
        shift
        kind=newest
        VENV="$ROOT/.venv-newest"
    fi
    PY="$VENV/bin/python"
    if [ "${1:-}" = lock ]; then
        shift
        (renew_locks ${1+"$@"}) </dev/null >&2
        return 0
    fi
    if ! is_ready "$kind"; then (set_up "$kind") </dev/null >&2; fi
    if [ "$kind" != runtime ]; then
        local module=tests.run_suites
        if [ "$1" = bench ]; then module=benchmarks; fi
        shift
        cd "$ROOT"
        exec "$PY" -m "$module" ${1+"$@"}
    fi
    if [ "${1:-}" = train ]; then
        shift
        export PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" # relative paths in the arguments refer to the current folder
        exec "$PY" -m training ${1+"$@"}
    fi
    exec "$PY" "$ROOT/app.py" ${1+"$@"}
}

folder_of() { # prints the folder of a script after resolving symbolic links (macOS has no `readlink -f`)
    local path=$1 target
    while [ -L "$path" ]; do
        target=$(readlink "$path")
        case $target in
            /*) path=$target ;;
            *) path=$(dirname "$path")/$target ;;
        esac
    done
    CDPATH='' cd -P "$(dirname "$path")" && pwd
}

say() { # say CHINESE ENGLISH
    case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
        zh*) printf '%s\n' "$1" ;;
        *) printf '%s\n' "$2" ;;
    esac >&2
}

fail() {
    say "错误：$1" "Error: $2"
    exit 1
}

# Three files in .venv record its content: `made` (path, versions of Python and torch; "unfinished" during a change),
# `installed-runtime` and `installed-dev` (torch and the lock). If they differ from what is needed, something is installed.

is_ready() { # is_ready KIND
    local made
    [ "$1" != newest ] || return 1 # the newest versions may have changed since
    [ -x "$PY" ] && [ -f "$VENV/made" ] || return 1
    made=$(cat "$VENV/made")
    [ "$made" = "$(made_line "$(made_torch "$made")")" ] || return 1
    [ -z "${SPEECH_EMOTION_TORCH:-}" ] || [ "$SPEECH_EMOTION_TORCH" = "$(made_torch "$made")" ] || return 1
    wanted "$1" | cmp -s - "$VENV/installed-$1"
}

made_line() { # made_line TORCH
    printf 'python=%s torch=%s at=%s' "$(python_version "$PY")" "$1" "$VENV"
}

made_torch() {
    local rest=${1#* torch=}
    printf '%s' "${rest%% at=*}"
}

python_version() { # python_version PYTHON: prints 3.11, or nothing if it doesn't run
    "$1" -I -S -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

wanted() { # wanted KIND: prints what has to be installed
    wanted_torch
    cat "$(lock_file "$1")"
}

wanted_torch() { # prints torch==2.13.0, or nothing; its build depends on the machine, so the locks leave it out
    sed -n 's/^\(torch==[^ ;#]*\).*/\1/p' "$ROOT/requirements.txt"
}

lock_file() { # lock_file KIND
    case $1 in
        runtime) printf '%s' "$ROOT/requirements.lock" ;;
        dev) printf '%s' "$ROOT/requirements-dev.lock" ;;
        newest) printf '%s' "$ROOT/.setup/newest.lock" ;;
    esac
}

set_up() { # set_up KIND: runs in a subshell, so that its traps, variables and lock end with it
    local kind=$1 base
    trap 'echo >&2; say "安装已中断，下次运行时会继续。" "Set-up was interrupted; the next run resumes it."; exit 130' INT
    trap 'exit 143' TERM HUP
    base=$(find_python)
    if ! mkdir -p "$ROOT/.setup" 2>/dev/null || [ ! -w "$ROOT/.setup" ]; then
        fail "无法写入 $ROOT。请修改权限，或把项目复制到可写的目录。" \
            "$ROOT can't be written to. Change its permissions, or copy the project to a folder of your own."
    fi
    wait_for_others "$base"
    if is_ready "$kind"; then return 0; fi # another run.sh has finished it meanwhile
    export PIP_USER=0                      # `user = true` in pip.conf does not work in a .venv
    export TMPDIR="$ROOT/.setup/tmp"       # not /tmp, which may have too little space
    rm -rf "$TMPDIR"
    mkdir -p "$TMPDIR"
    make_venv "$base"
    install_torch
    if [ "$kind" = newest ]; then
        resolve requirements-dev.txt "" "$(lock_file newest)" --refresh || explain_failure
    fi
    install_locked "$(lock_file "$kind")"
    complete_torch
    rm -rf "$TMPDIR"
    wanted "$kind" >"$VENV/installed-$kind"
    if [ "$kind" = dev ]; then wanted runtime >"$VENV/installed-runtime"; fi # the dev lock includes the runtime lock
    made_line "$TORCH" >"$VENV/made"
    say "安装完成。" "Set-up finished."
}

find_python() { # prints the path of a Python that can create virtual environments, but not one inside a .venv
    local name path version found="" bare="" PATH=":$PATH:"
    PATH=${PATH//":$VENV/bin:"/:} # neither ours, which may have to be replaced, nor the active one
    PATH=${PATH//":${VIRTUAL_ENV:-$VENV}/bin:"/:}
    PATH=${PATH#:}
    PATH=${PATH%:}
    for name in python3.13 python3.12 python3.11 python3 python; do
        path=$(command -v "$name") || continue
        version=$(python_version "$path")
        case $version in
            3.*) [ "${version#3.}" -ge "$MIN_MINOR" ] || { found="$found $name=$version" && continue; } ;;
            *) continue ;; # doesn't run, or is Python 2
        esac
        if "$path" -c 'import ensurepip, venv' 2>/dev/null; then
            printf '%s' "$path"
            return 0
        fi
        bare=$version
    done
    if [ -n "$bare" ]; then
        fail "Python $bare 缺少 venv 模块。请安装后重试，例如：sudo apt install python$bare-venv" \
            "Python $bare lacks the venv module. Install it and try again, for example: sudo apt install python$bare-venv"
    fi
    fail "需要 Python 3.$MIN_MINOR 或更高版本，找到的是：${found:- 无}。请安装后重试，例如：
  Debian/Ubuntu: sudo apt install python3.11 python3.11-venv    Fedora: sudo dnf install python3.12    macOS: brew install python@3.12" \
        "Python 3.$MIN_MINOR or newer is needed; found:${found:- none}. Install one and try again, for example:
  Debian/Ubuntu: sudo apt install python3.11 python3.11-venv    Fedora: sudo dnf install python3.12    macOS: brew install python@3.12"
}

wait_for_others() { # wait_for_others PYTHON: one installation at a time. The lock is on an open file, so it ends with this process.
    exec 9>"$ROOT/.setup/lock"
    "$1" -I -c '
import fcntl, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    sys.stderr.write(sys.argv[1] + "\n")
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # a file system without locks
' "$(say "另一个 run.sh 正在安装，请等待其完成……" "Another run.sh is installing; waiting for it ..." 2>&1)"
}

make_venv() { # make_venv PYTHON: keeps a suitable .venv, otherwise creates or replaces it; sets TORCH
    local made=""
    if [ -f "$VENV/made" ]; then made=$(cat "$VENV/made"); fi
    TORCH=${SPEECH_EMOTION_TORCH:-$(made_torch "${made#unfinished}")}
    TORCH=${TORCH:-$(torch_for_this_machine)}
    if [ -n "$made" ] && [ "$made" = "$(made_line "$TORCH")" ]; then
        printf 'unfinished' >"$VENV/made" # until the new versions are installed
        return 0
    fi
    if [ -z "$made" ] && is_usable; then return 0; fi # created by the user
    check_disk
    say "[1/3] 创建 .venv（Python $(python_version "$1")）" "[1/3] Creating .venv (Python $(python_version "$1"))"
    rm -rf "$VENV"
    mkdir "$VENV"
    printf 'unfinished' >"$VENV/made"
    "$1" -m venv "$VENV" || explain_failure unfinished
}

is_usable() { # whether the Python of .venv runs, is new enough and has pip
    local version
    version=$(python_version "$PY")
    [ -n "$version" ] && [ "${version#3.}" -ge "$MIN_MINOR" ] && "$PY" -m pip --version >/dev/null 2>&1
}

torch_for_this_machine() {
    if [ "$(uname -s)" = Darwin ]; then
        printf plain
    elif [ -e /dev/nvidia0 ] || [ -d /proc/driver/nvidia/gpus ] || nvidia-smi -L >/dev/null 2>&1; then
        printf auto
    else
        printf cpu
    fi
}

check_disk() { # fails before the installation if there is too little disk space
    local need_mb=9000 free_mb
    case $TORCH in cpu | plain) need_mb=2500 ;; esac
    free_mb=$(free_mb)
    if [ "$free_mb" -lt "$need_mb" ]; then
        fail "磁盘空间不足：$ROOT 所在磁盘可用 $free_mb MB，安装约需 $need_mb MB。请清理磁盘，或把项目移到更大的磁盘。" \
            "Not enough disk space: $free_mb MB are free on the disk of $ROOT, set-up needs about $need_mb MB. Free some space, or move the project to a larger disk."
    fi
}

free_mb() { # the number before the percentage, since the name of a file system can contain spaces
    df -Pk "$ROOT" | awk '{ for (i = NF; i > 1; i--) if ($i ~ /^[0-9]+%$/) { print int($(i - 1) / 1024); exit } }'
}

# torch is installed first and without its dependencies: these are in the lock, with their hashes. Only the CUDA libraries
# are not, because they depend on the build of torch. They are installed last, when all other packages are there.

install_torch() {
    local wanted installed
    wanted=$(wanted_torch)
    installed=$(torch_installed)
    if [ -z "$wanted" ] || [ "${installed%%+*}" = "${wanted#torch==}" ]; then return 0; fi
    say "[2/3] 安装 PyTorch（$TORCH）" "[2/3] Installing PyTorch ($TORCH)"
    fetch_torch "$wanted" --no-deps || explain_failure
}

complete_torch() { # adds nvidia-*, cuda-* and triton where the build needs them
    local wanted
    wanted=$(wanted_torch)
    if [ -z "$wanted" ] || [ "$TORCH" = cpu ]; then return 0; fi
    fetch_torch "$wanted" || explain_failure
}

fetch_torch() { # fetch_torch torch==VERSION [--no-deps]
    local wanted=$1
    shift
    case $TORCH in
        plain) pip ${1+"$@"} "$wanted" ;;
        cpu) pip ${1+"$@"} "$wanted+cpu" 2>/dev/null || { get_uv && uv --torch-backend=cpu ${1+"$@"} "$wanted"; } ;;
        auto) { get_uv && uv --torch-backend=auto ${1+"$@"} "$wanted"; } || pip ${1+"$@"} "$wanted" ;;
        *) get_uv && uv "--torch-backend=$TORCH" ${1+"$@"} "$wanted" ;;
    esac
}

torch_installed() { # prints the version, 2.13.0+cpu for instance, or nothing
    "$PY" -I -c 'from importlib.metadata import version; print(version("torch"))' 2>/dev/null || true
}

install_locked() { # install_locked LOCK: installs exactly the files whose hashes are in the lock, from any index
    local file=$1 constraints="$ROOT/.setup/constraints.txt"
    # A package without wheels is built here, with the locked setuptools and not with its newest version.
    sed -n 's/^\(setuptools==[^ ;]*\).*/\1/p' "$file" >"$constraints"
    say "[3/3] 安装 $(basename "$file")" "[3/3] Installing $(basename "$file")"
    { get_uv && uv --no-deps --require-hashes -r "$file" --build-constraints "$constraints"; } ||
        { still_room && pip_constrained --no-deps --require-hashes -r "$file"; } || explain_failure
}

resolve() { # resolve RANGES OLD NEW [OPTION ...]: writes the lock NEW, and keeps versions of OLD that the ranges allow
    local ranges=$1 old=$2 new=$3 draft="$ROOT/.setup/draft.lock"
    shift 3
    get_uv || return 1
    rm -f "$draft"
    if [ -f "$old" ]; then cp "$old" "$draft"; fi
    # "fewest": all versions of Python get the same packages, those that the oldest one supports
    (cd "$ROOT" && "$PY" -m uv pip compile "$ranges" --universal --python-version "3.$MIN_MINOR" --python "$PY" \
        --fork-strategy fewest --generate-hashes --no-header --output-file "$draft" ${1+"$@"} >/dev/null) || return 1
    # leave out torch and the libraries that only its CUDA builds need, see complete_torch
    awk '/^[a-z0-9]/ { torch = /^(torch|triton|nvidia-[^=]*|cuda-[^=]*)==/ } !torch' "$draft" >"$draft.part" &&
        mv "$draft.part" "$new"
}

renew_locks() { # renew_locks [OPTION ...]: options of `uv pip compile`, for instance --upgrade
    local dev runtime
    if ! is_usable; then (set_up runtime); fi
    dev=$(lock_file dev)
    runtime=$(lock_file runtime)
    mkdir -p "$ROOT/.setup"
    # The tests need more packages than the program, so their versions are chosen first, and the program uses the same ones.
    { resolve requirements-dev.txt "$dev" "$dev" ${1+"$@"} && resolve requirements.txt "$dev" "$runtime"; } ||
        fail "锁定文件没有更新，原因见上。" "The locks were not renewed; see the error above."
}

pip() { "$PY" -m pip install --disable-pip-version-check --no-input "$@"; }

pip_constrained() { # builds follow the constraints too; the path is relative, because pip splits it at spaces
    (cd "$ROOT" && export PIP_CONSTRAINT=.setup/constraints.txt PIP_BUILD_CONSTRAINT=.setup/constraints.txt && pip "$@")
}

get_uv() { # uv is much faster than pip, and finds the builds of PyTorch
    local index
    "$PY" -m uv --version >/dev/null 2>&1 || pip --quiet "$UV" 2>/dev/null || return 1
    index=${PIP_INDEX_URL:-$("$PY" -m pip config get global.index-url 2>/dev/null || true)}
    if [ -n "$index" ] && [ -z "${UV_DEFAULT_INDEX:-${UV_INDEX_URL:-}}" ]; then export UV_DEFAULT_INDEX="$index"; fi
}

uv() { "$PY" -m uv pip install --python "$PY" "$@"; }

still_room() { [ "$(free_mb)" -ge 200 ]; }

explain_failure() { # explain_failure [unfinished]
    still_room || fail "磁盘已满（可用 $(free_mb) MB），安装未完成。请清理磁盘后重新运行。" \
        "The disk is full ($(free_mb) MB free); set-up did not finish. Free some space and run it again."
    if [ -z "${1:-}" ]; then made_line "$TORCH" >"$VENV/made"; fi # the installed packages are complete: the next run resumes from here
    fail "安装未完成，原因见上文。请检查网络（或 pip 的镜像设置）后重新运行。" \
        "Set-up did not finish; see the error above. Check the network (or pip's index settings) and run it again."
}

main "$@"
