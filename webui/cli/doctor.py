"""``doctor``: checks the installation, and prints the facts that a bug report needs."""

from rich.text import Text

from webui.cli.doctor_report import DoctorReport, examine
from webui.cli.exit_codes import ExitCode
from webui.cli.options import CommandAction, DeviceOption, JsonOption, ModelOption, load_settings
from webui.cli.terminal import Terminal
from webui.texts import text

NAME_CELLS = 30


def doctor(as_json: JsonOption = False, model: ModelOption = None, device: DeviceOption = None) -> CommandAction:
    """Returns the action that checks this machine."""

    def run(terminal: Terminal) -> ExitCode:
        settings = load_settings(model=model, device=device)
        with terminal.busy(text("cli.doctor_busy", terminal.language)):
            report = examine(settings)
        if as_json:
            terminal.print_json(report.model_dump_json())
        else:
            _print_report(report, terminal)
        return ExitCode.OK if report.healthy else ExitCode.UNHEALTHY

    return run


def _print_report(report: DoctorReport, terminal: Terminal) -> None:
    """Prints the report: the facts in English, for bug reports, and the findings in the user's language."""
    for name, value in report.lines():
        terminal.print_result(Text.assemble((f"{name:<{NAME_CELLS}}", "bold"), value))
    for problem in report.problems:
        terminal.print_result(Text(f"✗ {problem.message(terminal.language)}", style="red"))
    for remark in report.remarks:
        terminal.print_result(Text(f"! {remark.message(terminal.language)}", style="yellow"))
    if report.healthy:
        terminal.print_result(Text(f"✓ {text('cli.doctor_healthy', terminal.language)}", style="green"))
