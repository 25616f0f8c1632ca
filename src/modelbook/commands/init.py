"""`modelbook init`: a registry in a git repository, with a key to sign with, and the workflows that keep it."""

import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

import click

from modelbook.adapters.git import Repository
from modelbook.adapters.git_process import git, run_git
from modelbook.adapters.key_signer import KeySigner, create_key, open_key
from modelbook.adapters.registry_folder import FOLDER as REGISTRY
from modelbook.commands._console import print_json, say
from modelbook.commands._workflows import GUIDE, Pin, Planned, plan_workflows, read_owners, read_pin
from modelbook.commands._workspace import default_key, json_option
from modelbook.core.doctor.code_owners import PLACES, is_owner
from modelbook.core.documents import dump
from modelbook.core.layout import TRUST, trust_signature_path
from modelbook.core.listed import many
from modelbook.core.patterns import STORE_PATTERN, in_words
from modelbook.core.signing.statements import trust_statement
from modelbook.core.trust import Root, Rule, Signer, Statement, Trust
from modelbook.errors import BadInput

EVERY_STATEMENT: tuple[Statement, ...] = ("model", "provenance", "evaluation", "reproduction", "dataset", "online")
_IGNORED = ".modelbook/\n"

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _read_folder(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Callback of `--registry`: a plain path below the top, since it stands in workflows and in CODEOWNERS."""
    parts = text.removeprefix("./").rstrip("/").split("/")
    if not all(map(_PART.fullmatch, parts)):
        raise click.BadParameter(f"{text!r} is not a folder below the top, of letters, digits and . _ -")
    return "/".join(parts)


def _read_store(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Callback of `--store`: what policy.yaml takes, before any of it is written."""
    if not re.fullmatch(STORE_PATTERN, text):
        raise click.BadParameter(f"{in_words(STORE_PATTERN)} (it is {text!r})")
    return text


@click.command(short_help="Make a registry in a git repository.")
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--store",
    default="file:.modelbook/store",
    show_default=True,
    metavar="URI",
    callback=_read_store,
    help="s3://bucket/prefix or file:folder.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    default=default_key,
    help="The private key; made if it is not there.  [default: in your configuration folder]",
)
@click.option(
    "--github",
    "pin",
    callback=read_pin,
    metavar="OWNER/modelbook@COMMIT",
    help="Write workflows that call those of this commit. On a registry that is there: add them, or move their pin.",
)
@click.option(
    "--owner",
    "owners",
    multiple=True,
    callback=read_owners,
    metavar="@ORG/TEAM",
    help="With --github: who must approve changes of the registry and of its workflows. May be repeated.",
)
@click.option(
    "--registry",
    "inside",
    default=REGISTRY,
    show_default=True,
    metavar="FOLDER",
    envvar="MODELBOOK_REGISTRY",
    callback=_read_folder,
    help="Where the registry lies, from the top of the repository.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@json_option
def command(
    folder: Path,
    store: str,
    key: Path,
    pin: Pin | None,
    owners: tuple[str, ...],
    inside: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make a registry in FOLDER: policy, trust and a P-256 key, committed to git.

    With --github also what GitHub needs. Asked again, it writes what is missing and moves the pins; what a person
    changed stays.

    \b
    Examples:
      modelbook init my-models --store s3://acme-models/registry
      modelbook init --github acme/modelbook@COMMIT --owner @acme/ml
      modelbook init --github acme/modelbook@COMMIT --dry-run      # what a newer commit would change
    """
    if owners and pin is None:
        raise click.UsageError("--owner goes with --github.")
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
    elif not folder.is_dir():
        raise BadInput("no such folder", where=str(folder), remedy="Make it first, or leave out --dry-run.")
    if run_git(["rev-parse", "--git-dir"], folder).returncode:
        if dry_run:
            raise BadInput("not a git repository", where=str(folder), remedy="Run `git init` first.")
        git(["init", "--quiet", "--initial-branch=main"], folder)
    repository = Repository.find(folder.resolve())
    if repository.bare:
        raise BadInput("this repository is bare: it has no files to write", where=str(folder))
    root = repository.root
    new = not (root / inside / "policy.yaml").exists()
    if not new and pin is None:
        raise BadInput(
            "there is a registry here already",
            where=str(root / inside),
            remedy="Edit its policy.yaml and trust.yaml, or add workflows with --github.",
        )
    planned = Planned({})
    if pin:
        owners = owners or _ask_for_owners(root)
        planned = plan_workflows(root, pin, repository.branch() or "main", inside, owners)
    if dry_run:
        _show(root, _registry_files(inside) if new else [], planned, as_json=as_json)
        return
    if new:
        signer = open_key("file", str(key)) if key.exists() else create_key(key)
        planned = Planned(_contents(root, inside, store, signer)) + planned
    _write(root, planned.contents)
    written = [*planned.contents]
    if written:
        _commit(root, "Make a model registry" if new else "Keep up with Modelbook's workflows", written)
    if as_json:
        report = {"root": str(root), "registry": inside, "files": written, "kept": list(planned.kept)}
        print_json(report | ({"store": store, "key": str(key)} if new else {}))
        return
    if new:
        say(f"Registry in {root / inside}, weights in {store}, key in {key}.")
        say("The key is yours alone: keep a copy where you keep passwords.")
        say("Next: modelbook data add NAME PATH, then modelbook train SCRIPT --data NAME@1")
    if pin:
        _tell(root, pin, written, planned.kept)
    if pin and new and store.startswith("file:"):
        say(f"{store} is another folder for each job on GitHub: name a bucket as `store` in {inside}/policy.yaml.")


def _tell(root: Path, pin: Pin, written: Sequence[str], kept: Sequence[str]) -> None:
    count = sum(path.startswith(".github/") for path in written)
    say(f"Workflows of {pin.repository} at {pin.commit[:12]}: {many(count, 'file')} written.")
    for path in kept:
        say(f"{path} differs from what is written here: no more than its pins were moved.")
    if not any((root / place).exists() for place in PLACES):
        say("There is no CODEOWNERS, so nobody in particular has to approve: name somebody with --owner.")
    if written:
        say("Next: git push --set-upstream origin HEAD, bash .github/branch-rules.sh, modelbook doctor.")
        say(f"What the team has to know, and which secrets the workflows need: {GUIDE}")


def _ask_for_owners(root: Path) -> tuple[str, ...]:
    """The code owners, asked of whoever sits at a terminal where none are named yet; maybe none."""
    if not sys.stdin.isatty() or any((root / place).exists() for place in PLACES):
        return ()
    answer = click.prompt(
        "Who must approve changes of the registry (@person or @organisation/team)", default="", err=True
    )
    named = tuple(answer.split())
    if wrong := [one for one in named if not is_owner(one)]:
        raise BadInput(f"{wrong[0]!r} cannot own anything", remedy="Write @person or @organisation/team.")
    return named


def _show(root: Path, made: Sequence[str], planned: Planned, *, as_json: bool) -> None:
    """What would change: whole new files by name, others line by line."""
    new = [*made, *(path for path in planned.contents if not (root / path).exists())]
    changed = {path: data for path, data in planned.contents.items() if path not in new}
    if as_json:
        print_json({"new": new, "changed": list(changed), "kept": list(planned.kept)})
        return
    for path in new:
        say(f"new: {path}")
    for path, data in changed.items():
        old, now = (root / path).read_text().splitlines(), data.decode().splitlines()
        for line in difflib.unified_diff(old, now, path, path, n=0, lineterm=""):
            say(line)
    for path in planned.kept:
        say(f"kept: {path} differs from what is written here")
    if not new and not changed:
        say("Nothing would change.")


def _commit(root: Path, message: str, paths: list[str]) -> None:
    git(["add", "--", *paths], root)
    done = run_git(["commit", "--quiet", "-m", message, "--", *paths], root)
    if done.returncode:
        raise BadInput(
            f"the files are written, but git would not commit them: {done.stderr.decode(errors='replace').strip()}",
            where=str(root),
            remedy=f'Set git config user.name and user.email, then: git commit -m "{message}"',
        )


def _registry_files(folder: str) -> list[str]:
    inside = ("policy.yaml", TRUST, trust_signature_path("owner"))
    return [*(f"{folder}/{path}" for path in inside), ".gitattributes", ".gitignore"]


def _contents(root: Path, folder: str, store: str, signer: KeySigner) -> dict[str, bytes]:
    """The files of a new registry, bytes by path, in the order of `_registry_files`."""
    policy = (files("modelbook") / "templates" / "policy.yaml").read_text().replace("@STORE@", store)
    trust = Trust(
        version=1,
        signers=(Signer(name="owner", key=signer.public_pem),),
        rules=(Rule(models="*", statements=EVERY_STATEMENT, stages=("*",), signers=("owner",)),),
        root=Root(signers=("owner",)),
    )
    written = dump(trust)
    made = (policy.encode(), written, signer.sign(trust_statement(trust, written)))
    lines = (_with_line(root / ".gitattributes", f"{folder}/** -text\n"), _with_line(root / ".gitignore", _IGNORED))
    return dict(zip(_registry_files(folder), (*made, *lines), strict=True))


def _write(root: Path, contents: Mapping[str, bytes]) -> None:
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def _with_line(path: Path, line: str) -> bytes:
    text = path.read_text() if path.exists() else ""
    if line.strip() in text.splitlines():
        return text.encode()
    return (text + ("" if not text or text.endswith("\n") else "\n") + line).encode()
