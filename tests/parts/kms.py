"""A real KMS server on loopback: moto's, with digests signed as AWS documents it."""

import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.parts.s3 import MotoS3

REGION = "eu-central-1"


class MotoKms(MotoS3):
    """moto's server; `digests=False` leaves moto as it is, which hashes a digest again."""

    def __init__(self, *, digests: bool = True) -> None:
        self._digests = digests

    def command(self) -> list[str]:
        """moto's server on a free port."""
        if not self._digests:
            return super().command()
        program = Path(__file__).with_name("moto_with_digests.py")  # -P: nothing beside it is a module
        return [sys.executable, "-P", "-u", str(program), "-H", "127.0.0.1", "-p", "0"]

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """The standard AWS variables that lead a KMS client here and nowhere else."""
        found = super().environment(endpoint)
        found["AWS_ENDPOINT_URL_KMS"] = found.pop("AWS_ENDPOINT_URL_S3")
        return found | {"AWS_REGION": REGION}

    @cached_property
    def kms(self) -> Any:
        """A plain boto3 client, to make keys."""
        return self.any_client("kms")

    def any_client(self, service: str) -> Any:
        """A plain boto3 client of any service of this server."""
        import boto3

        session: Any = boto3.session.Session()
        return session.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
        )

    def make_key(self, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> str:
        """The ARN of a new key."""
        return str(self.kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"])
