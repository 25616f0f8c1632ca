"""`modelbook init`: a registry in a git repository, with a key to sign with, and the workflows that keep it."""

from importlib.resources import files
from pathlib import Path

import click

from modelbook.adapters.git import Repository, git, run_git
from modelbook.adapters.key_signer import KeySigner, create_key, open_key
from modelbook.commands._code_owners import code_owners, read_owners, write_code_owners
from modelbook.commands._console import print_json, say
from modelbook.commands._workflows import Pin, Written, read_pin, write_workflows
from modelbook.commands._workspace import default_key, json_option
from modelbook.core.documents import dump
from modelbook.core.layout import TRUST, trust_signature_path
from modelbook.core.statements import trust_statement
from modelbook.core.trust import Root, Rule, Signer, Statement, Trust
from modelbook.errors import BadInput

EVERY_STATEMENT: tuple[Statement, ...] = ("model", "provenance", "evaluation", "reproduction", "dataset")
_ATTRIBUTES = "registry/** -text\n"
_IGNORED = ".modelbook/\n"


@click.command(short_help="Make a registry in a git repository.")
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--store",
    default="file:.modelbook/store",
    show_default=True,
    metavar="URI",
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
    "--code-owner",
    "owners",
    multiple=True,
    callback=read_owners,
    metavar="@USER or @ORG/TEAM",
    help="With --github: name in CODEOWNERS whom GitHub asks to review.",
)
@json_option
def command(folder: Path, store: str, key: Path, pin: Pin | None, owners: tuple[str, ...], as_json: bool) -> None:
    """Make a registry in FOLDER: policy, trust and a P-256 key, committed to git.

    \b
    Example:
      modelbook init my-models --store s3://acme-models/registry
    """
    if owners and pin is None:
        raise click.UsageError("--code-owner goes with --github.")
    folder.mkdir(parents=True, exist_ok=True)
    if run_git(["rev-parse", "--git-dir"], folder).returncode:
        git(["init", "--quiet", "--initial-branch=main"], folder)
    repository = Repository.find(folder.resolve())
    if repository.bare:
        raise BadInput("this repository is bare: it has no files to write", where=str(folder))
    root = repository.root
    registry = root / "registry"
    new = not (registry / "policy.yaml").exists()
    if not new and pin is None:
        raise BadInput(
            "there is a registry here already",
            where=str(registry),
            remedy="Edit its policy.yaml and trust.yaml, or add workflows with --github.",
        )
    written = _write(root, store, open_key("file", str(key)) if key.exists() else create_key(key)) if new else []
    workflows = write_workflows(root, pin, repository.branch() or "main") if pin else Written((), ())
    reviewed = write_code_owners(root, owners) if owners else Written((), ())
    written += workflows.paths + reviewed.paths
    kept = workflows.kept + reviewed.kept
    if written:
        _commit(root, "Make a model registry" if new else "Pin the workflows of Modelbook", written)
    if as_json:
        report = {"root": str(root), "registry": "registry", "files": written, "kept": list(kept)}
        print_json(report | ({"store": store, "key": str(key)} if new else {}))
        return
    if new:
        say(f"Registry in {registry}, weights in {store}, key in {key}.")
        say("The key is yours alone: keep a copy where you keep passwords.")
        say("Next: modelbook data add NAME PATH, then modelbook train SCRIPT --data NAME@1")
    if pin:
        say(f"Workflows of {pin.repository} at {pin.commit[:12]}: {len(workflows.paths)} files written.")
        for path in kept:
            say(f"{path} differs from what is written here, and was left alone.")
        if code_owners(root) is None:
            say("There is no CODEOWNERS: name with --code-owner whom GitHub asks to review.")


def _commit(root: Path, message: str, paths: list[str]) -> None:
    git(["add", "--", *paths], root)
    done = run_git(["commit", "--quiet", "-m", message, "--", *paths], root)
    if done.returncode:
        raise BadInput(
            f"the files are written, but git would not commit them: {done.stderr.decode(errors='replace').strip()}",
            where=str(root),
            remedy=f'Set git config user.name and user.email, then: git commit -m "{message}"',
        )


def _write(root: Path, store: str, signer: KeySigner) -> list[str]:
    policy = (files("modelbook") / "templates" / "policy.yaml").read_text().replace("@STORE@", store)
    trust = Trust(
        version=1,
        signers=(Signer(name="owner", key=signer.public_pem),),
        rules=(Rule(models="*", statements=EVERY_STATEMENT, stages=("*",), signers=("owner",)),),
        root=Root(signers=("owner",)),
    )
    written = dump(trust)
    contents = {
        "registry/policy.yaml": policy.encode(),
        f"registry/{TRUST}": written,
        f"registry/{trust_signature_path('owner')}": signer.sign(trust_statement(trust, written)),
    }
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    for name, line in {".gitattributes": _ATTRIBUTES, ".gitignore": _IGNORED}.items():
        _append(root / name, line)
    return [*contents, ".gitattributes", ".gitignore"]


def _append(path: Path, line: str) -> None:
    text = path.read_text() if path.exists() else ""
    if line.strip() not in text.splitlines():
        path.write_text(text + ("" if not text or text.endswith("\n") else "\n") + line)
