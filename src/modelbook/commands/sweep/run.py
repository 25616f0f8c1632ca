"""`modelbook sweep run`: a whole sweep on this machine, several trials at once."""

from pathlib import Path

import click

from modelbook.commands._console import counted, say
from modelbook.commands._registering import open_registrar
from modelbook.commands._sweep_pool import Pool
from modelbook.commands._sweeping import Sweeping, open_sweep
from modelbook.commands._workspace import forge_option, json_option, registry_option, signer_option
from modelbook.commands.sweep.report import make_report, register_the_best, show
from modelbook.core.listed import many
from modelbook.core.names import check_name
from modelbook.core.sweeps.search_space import varied
from modelbook.core.sweeps.sweep_markdown import shown
from modelbook.core.sweeps.sweep_rounds import Round, next_round, trials_to_come
from modelbook.core.sweeps.trials import Leg
from modelbook.errors import BadInput, Exit


@click.command(name="run", short_help="Run a sweep on this machine.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--parallel", type=click.IntRange(1, 256), default=1, show_default=True, help="Trials at once.")
@click.option("--register-best", metavar="MODEL", help="Register the best trial at the end.")
@click.option("--allow-dirty", is_flag=True, help="Train code that is not committed or not pushed, and store it.")
@signer_option
@forge_option
@registry_option
@json_option
def command(
    file: Path,
    parallel: int,
    register_best: str | None,
    allow_dirty: bool,
    signer: str,
    forge_name: str,
    registry_folder: str | None,
    as_json: bool,
) -> int:
    """Train the trials of FILE until its budget is spent, the best ones again with other seeds, and show the best.

    Ctrl-C ends the trials cleanly. Run again, they go on from their checkpoints, and the sweep from where it was; so do
    trials that were killed, up to three times. Started on several machines at once, each trains what no other does.
    Exit status 1 where no trial has a value.

    \b
    Example:
      modelbook sweep run sweep.yaml --parallel 2
    """
    if register_best:
        check_name(register_best, "registered model")
    sweeping = open_sweep(file, registry_folder, begin=True)
    if register_best:
        open_registrar(sweeping.workspace, register_best, signer)  # rather than after hours of training
    options = ["--allow-dirty"] * allow_dirty + (["--registry", registry_folder] if registry_folder else [])
    say(f"sweep {sweeping.sweep.name}: {_size(sweeping)}, {parallel} at once", as_json=as_json)
    sweeping, last = _train_all(sweeping, Pool(file, parallel, options), as_json)
    report = make_report(sweeping)
    registers = bool(register_best) and report.settled
    show(report, as_json=as_json, registers=registers)
    for leg, host in sweeping.under_way().items():
        say(f"  trial {leg} is being trained by another process on {host}: run this again afterwards", as_json=as_json)
    if register_best and registers:
        register_the_best(sweeping, report, register_best, signer, forge_name, as_json=as_json)
    return Exit.YES if report.best and not last.broken else Exit.NO


def _size(sweeping: Sweeping) -> str:
    left, ended = trials_to_come(sweeping.sweep, sweeping.trials), sum(one.ended for one in sweeping.trials)
    to_come = "" if left is None else f", at most {left} to come"
    return f"{many(ended, 'trial')} ended{to_come}"


def _train_all(sweeping: Sweeping, pool: Pool, as_json: bool) -> tuple[Sweeping, Round]:
    """Train until nothing is left that no other process trains; what is known then, and the last decision.

    Raises BadInput where a trial cannot even begin: the next one could not either.
    """
    attempts: dict[Leg, int] = {}  # that each one had when it was begun
    with pool, counted("training", trials_to_come(sweeping.sweep, sweeping.trials) or 0) as done:
        while True:
            turn = next_round(sweeping.sweep, sweeping.trials, {*pool.legs, *sweeping.under_way()})
            for leg in turn.legs[: pool.room]:
                attempts[leg] = sweeping.attempts(leg)
                pool.start(leg)
            if not pool.legs:
                return sweeping, turn
            leg, code, said = pool.wait()
            sweeping = sweeping.again()
            one = sweeping.of(leg)
            if code and leg in sweeping.under_way():
                continue  # another process was the first to begin it
            running = code > 0 and one is not None and one.status == "running"  # what ends by itself says so
            if code and (running or sweeping.attempts(leg) == attempts[leg]):
                raise BadInput(f"trial {leg} could not be trained:\n{said}", where=str(sweeping.path))
            done(int(one is not None and one.ended))
            say(_words(sweeping, leg), as_json=as_json)


def _words(sweeping: Sweeping, leg: Leg) -> str:
    one, sweep = sweeping.of(leg), sweeping.sweep
    if one is None:
        return f"trial {leg} left nothing"
    names = [each.name for each in varied(sweep) if each.name in one.params]
    params = ", ".join(f"{name} {shown(one, name)}" for name in names)
    came = one.status if one.value is None else f"{sweep.metric.name} {one.value:.6g}"
    problem = f" ({one.problem})" if one.problem else ""
    return f"trial {leg}: {came}{problem}, {params}" if params else f"trial {leg}: {came}{problem}"
