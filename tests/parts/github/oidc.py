"""The identity token that a job may ask for: a JWT signed with this server's own key, and the key's JWKS."""

import base64
import json
import time
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.parts.github.refusals import Refusal
from tests.parts.github.routes import Request
from tests.parts.github.world import Json, Repository, World, user_id

KEY_ID = "tests-github-oidc"
REQUEST_TOKEN = "oidc-request-token-0123456789abcdef"


class Issuer:
    """The issuer `<server>/oidc`. `claims` are what tests set over the usual ones."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.claims: Json = {}

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def answer(self, request: Request, path: str) -> Json:
        """The token for the audience that is asked for, or the public parts of the issuer."""
        issuer = f"{self.world.url}/oidc"
        if path == "/.well-known/openid-configuration":
            return {"issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks"}
        if path == "/.well-known/jwks":
            return {"keys": [self._public()]}
        if request.headers.get("authorization", "").partition(" ")[2] != REQUEST_TOKEN:
            raise Refusal(401, "the request token is not that of a job with `id-token: write`")
        audience = request.query.get("audience", f"{self.world.url}/acme")
        own = {name: request.query[name] for name in ("job_workflow_ref",) if name in request.query}
        return {"value": self._token(issuer, audience, own)}

    def _token(self, issuer: str, audience: str, own: Json) -> str:
        """`own` is what differs from job to job of one run: the address that a job asks at names it."""
        moment = int(time.time())
        claims = {
            "iss": issuer,
            "aud": audience,
            "iat": moment,
            "nbf": moment - 60,
            "exp": moment + 300,
            **self._job_claims(),
            **self.claims,
            **own,
        }
        head = {"typ": "JWT", "alg": "RS256", "kid": KEY_ID}
        signed = f"{_segment(head)}.{_segment(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"

    def _job_claims(self) -> Json:
        """What GitHub would say of a job in the repository that tests named, or in the first there is."""
        repositories = self.world.repositories
        if not repositories:
            raise Refusal(404, "there is no repository that a job could run in")
        name = self.claims.get("repository", next(iter(repositories)))
        return job_claims(repositories[name], self.claims)

    def _public(self) -> Json:
        numbers = self._key.public_key().public_numbers()
        exponent, modulus = numbers.e.to_bytes(3, "big"), numbers.n.to_bytes(256, "big")
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": KEY_ID,
            "e": _base64(exponent),
            "n": _base64(modulus),
        }


def job_claims(repository: Repository, given: Json) -> Json:
    """The claims of a job, where `given` does not say: on the default branch, started by hand.

    `sub` is as for repositories made after July 2026.
    """
    ref = given.get("ref", f"refs/heads/{repository.default_branch}")
    owner_id = user_id(repository.owner)
    workflow = given.get("workflow_ref", f"{repository.full_name}/.github/workflows/register.yml@{ref}")
    subject = "pull_request" if given.get("event_name") == "pull_request" else f"ref:{ref}"
    return {
        "sub": f"repo:{repository.owner}@{owner_id}/{repository.name}@{repository.id}:{subject}",
        "repository": repository.full_name,
        "repository_id": str(repository.id),
        "repository_owner": repository.owner,
        "repository_owner_id": str(owner_id),
        "repository_visibility": "private" if repository.private else "public",
        "ref": ref,
        "ref_type": "branch",
        "sha": repository.git.resolve(ref) or "",
        "event_name": "workflow_dispatch",
        "workflow_ref": workflow,
        "job_workflow_ref": workflow,
        "run_id": "1001",
        "run_attempt": "1",
        "runner_environment": "github-hosted",
        "actor": "alice",
    }


def _segment(value: Any) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
