"""The `modelbook` command. A verb's module is imported only when the verb is used, so that `--help` is quick."""

import gc
import importlib
import keyword
import os
import sys
from typing import Any

import click

from modelbook import __version__
from modelbook.adapters.garbage import uncollected
from modelbook.errors import Exit, ModelbookError
from modelbook.interrupts import INTERRUPTS

VERBS = {
    "init": "Make a registry in a git repository.",
    "data": "Add, show, pull and compare dataset versions.",
    "train": "Train a model and keep all that it was made from.",
    "sweep": "Search for the best parameters.",
    "runs": "List runs, or follow one.",
    "register": "Make a model version of a finished run.",
    "evaluate": "Measure a version in a job that did not train it.",
    "import": "Bring the models of another registry here.",
    "export": "Write a version in the form of another tool.",
    "online": "Keep what experiments found of users, and watch it.",
    "proxy": "Ask which offline metric stands for what users do.",
    "reproduce": "Train a version again from what its card records, and compare.",
    "verify": "Check signatures, digests and rules.",
    "gate": "Judge a version for a stage, and change nothing.",
    "promote": "Propose to move a version into a stage.",
    "approve": "Sign a promotion that waits for you.",
    "rollback": "Put a stage back to what it held before, and hold it there.",
    "hold": "Keep a stage as it is until it is released.",
    "release": "Let promotions enter a held stage again.",
    "history": "Tell what held a stage, when, by whom and on what evidence.",
    "revoke": "Stop a version for good: no promotion, no pull by stage.",
    "trust": "Show and change who may sign what.",
    "doctor": "Check that repository, settings and machine are as they must be.",
    "plan": "List what waits to be done.",
    "tag": "Set git tags, and releases on GitHub, as the registry says.",
    "deploy": "Bring what stands in a stage to where it serves.",
    "status": "Compare what should serve with what does.",
    "prune": "Delete from the store what nobody names.",
    "pull": "Write a verified copy of a model's files.",
    "cache": "Show, check and clear what pulls keep on this machine.",
    "show": "Show one model, version, dataset or run.",
    "diff": "Compare two versions: code, data, parameters, environment, metrics.",
    "compare": "Put many versions side by side.",
    "find": "Find model versions by their metrics, parameters, tags, data and stages.",
    "sql": "Ask the registry in SQL.",
    "lineage": "Tell what a version was made from, or what was made from it.",
    "site": "Make a static site of the registry.",
    "list": "List models and what is in production.",
    "env": "Compare environments.",
    "schema": "Print the JSON Schema of a document.",
    "demo": "See it all work, in a minute, without an account.",
}


def module_of(verb: str) -> str:
    """The module of a verb: `import` is a word of Python's, so that one is called `import_`."""
    return f"modelbook.commands.{verb}" + ("_" if keyword.iskeyword(verb) else "")


class LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        with uncollected():
            module = importlib.import_module(module_of(cmd_name))
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1) if args else []
            if near and args[0] not in VERBS:
                raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx) from None
            raise


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="modelbook")
def cli() -> None:
    """Modelbook makes a GitHub repository the model registry.

    Signed model cards in git point to weights in a store; gates decide what is promoted.
    Begin with `modelbook demo`. Shell completion: `eval "$(_MODELBOOK_COMPLETE=bash_source modelbook)"`.
    """


def main() -> None:
    """Run the command line and exit: 0 yes, 1 no, 2 bad input, 3 unexpected, 130 interrupted."""
    try:
        INTERRUPTS.works()
        status = run(sys.argv[1:])
        INTERRUPTS.tells()
    except KeyboardInterrupt:  # before `run` could see it, or after
        status = _interrupted(sys.argv[1:])
    gc.freeze()  # all that is left goes with the process; to look for cycles in it first would take a tenth of its time
    INTERRUPTS.ends(status)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code. Whatever goes wrong is one clear message on standard error."""
    try:
        colour = False if os.environ.get("NO_COLOR") else None
        result = cli.main(args=arguments, prog_name="modelbook", standalone_mode=False, color=colour)
        return int(result) if isinstance(result, int) else Exit.YES
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return Exit.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return _interrupted(arguments)
    except ModelbookError as error:
        return _fail("error", str(error), error.exit_code, arguments)
    except (BrokenPipeError, SystemExit):
        # The reader of our output went away, as `head` does; click turns that into an exit with 1, which would mean no.
        if "_MODELBOOK_COMPLETE" in os.environ:
            raise  # completing a word is the other case in which click exits by itself
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
        return Exit.UNEXPECTED  # a verdict that nobody read to its end is neither yes nor no
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail("error", f"{place}{error.strerror or error}", Exit.UNEXPECTED, arguments)
    except Exception as error:
        if os.environ.get("MODELBOOK_TRACEBACK"):
            raise
        hint = "This is a bug in Modelbook. Set MODELBOOK_TRACEBACK=1 to see where, and please report it."
        return _fail("unexpected", f"{type(error).__name__}: {error}\n  {hint}", Exit.UNEXPECTED, arguments)


def _interrupted(arguments: list[str]) -> int:
    INTERRUPTS.tells()
    message = "nothing half-done is visible; run it again to continue"
    return _fail("interrupted", message, Exit.INTERRUPTED, arguments)


def _fail(kind: str, message: str, code: int, arguments: list[str]) -> int:
    from modelbook.commands._console import print_json
    from modelbook.core.unseen import plain

    if "--json" in arguments:
        print_json({"error": {"kind": kind, "message": message, "exit_code": int(code)}})
    colour = False if os.environ.get("NO_COLOR") else None
    click.echo(click.style(f"{kind}: ", fg="red", bold=True) + plain(message), err=True, color=colour)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        click.echo("::error::" + plain(message).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"), err=True)
    return int(code)
