"""What S3 and the way to it refused, in words that a person can act upon.

boto3 and botocore are imported only when something went wrong: whoever never speaks to S3 does not pay for
them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from modelbook.errors import StoreError

_RIGHTS = {
    "GetObject": "s3:GetObject, and s3:ListBucket (without it S3 also says 'denied' of what is not there)",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "ListParts": "s3:ListMultipartUploadParts",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObjects": "s3:DeleteObject",
    "CopyObject": "s3:GetObject and s3:PutObject",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "ListObjectVersions": "s3:ListBucketVersions",
    "DeleteObject": "s3:DeleteObject, and s3:DeleteObjectVersion for an older version",
}
# Codes of S3 (a bare status if an answer has no body) and classes of botocore's errors, and what to do then.
_REMEDIES = (
    (
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError InvalidAccessKeyId InvalidToken "
        "SignatureDoesNotMatch 401",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile in AWS_PROFILE, or give the job a "
        "role; `aws sts get-caller-identity` shows who you are.",
    ),
    (
        "ExpiredToken ExpiredTokenException TokenRefreshRequired TokenRetrievalError SSOTokenLoadError "
        "UnauthorizedSSOTokenError LoginRefreshRequired",
        "The credentials have expired. Sign in again (`aws sso login`, or a new role session).",
    ),
    ("ProfileNotFound", "AWS_PROFILE names a profile that ~/.aws/config does not have. Correct or unset it."),
    (
        "RequestTimeTooSkewed RequestExpired",
        "This machine's clock is wrong. Set it (`timedatectl set-ntp true`), then run the command again.",
    ),
    (
        "NoSuchBucket InvalidBucketName",
        "Check the bucket in policy.yaml's store, the endpoint and the account in use, or create the bucket.",
    ),
    (
        "PermanentRedirect TemporaryRedirect AuthorizationHeaderMalformed IllegalLocationConstraintException "
        "InvalidRegion InvalidRegionError NoRegionError 301 307 400",
        "Set AWS_REGION to the bucket's own region, then run the command again.",
    ),
    (
        "SlowDown ServiceUnavailable InternalError RequestTimeout OperationAborted Throttling "
        "ThrottlingException RequestLimitExceeded 500 502 503 504",
        "The store is busy or unwell. Wait a little, then run it again; nothing half-written is visible.",
    ),
    (
        "HTTPClientError ConnectionError IncompleteReadError",
        "Check the network, the proxy settings and AWS_ENDPOINT_URL_S3, then run the command again; nothing "
        "half-written is visible.",
    ),
    ("SSLError", "Check the endpoint's certificate; AWS_CA_BUNDLE names the authorities that are trusted."),
    (
        "ResponseParserError NotS3",
        "What answered is no S3 server. Check AWS_ENDPOINT_URL_S3 and the proxy settings.",
    ),
    (
        "ValueError InvalidRetryConfigurationError InvalidMaxRetryAttemptsError",
        "Check AWS_ENDPOINT_URL_S3 (a whole URL, such as https://s3.example.com), AWS_REGION, "
        "AWS_MAX_ATTEMPTS (a number) and ~/.aws/config.",
    ),
    (
        "BadDigest InvalidDigest XAmzContentSHA256Mismatch XAmzContentChecksumMismatch",
        "The bytes were damaged on their way, and nothing was stored. Run the command again.",
    ),
    (
        "QuotaExceeded InsufficientStorage XMinioStorageFull 507",
        "The bucket is full or over its quota. Free some space or raise the quota, then run it again.",
    ),
    (
        "NotImplemented 501",
        "This server lacks what a store needs: conditional writes (If-None-Match: *) and multipart uploads. "
        "Use a newer release of it, or another server.",
    ),
    (
        "InvalidObjectState",
        "The object lies in an archive class. Restore it first (`aws s3api restore-object`).",
    ),
)
_REMEDY = {name: remedy for names, remedy in _REMEDIES for name in names.split()}
_ELSE = "Look it up in your provider's S3 documentation; the AWS_* variables say which server was asked."
_DENIED = {"AccessDenied", "AllAccessDisabled", "Forbidden", "403"}


class NotS3(Exception):
    """An answer that every S3 server fills in lacks a field: a proxy's or a sign-in page, say."""


def field(answer: Mapping[str, Any], name: str) -> Any:
    """What botocore read as `name` in an answer. Raises NotS3, which `explained_s3` turns into a StoreError."""
    if name not in answer:
        raise NotS3(f"the answer has no {name}")
    return answer[name]


def code_of(error: BaseException) -> str:
    """S3's own code in a botocore ClientError, such as `NoSuchKey` (a bare status for HEAD); "" for anything
    else.
    """
    return str(_answer(error).get("Error", {}).get("Code", ""))


def status_of(error: BaseException) -> int:
    """The HTTP status in a botocore ClientError; 0 for anything else."""
    return int(_answer(error).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextmanager
def explained_s3(where: str) -> Iterator[None]:
    """Inside the block, whatever botocore or `field` raises becomes a StoreError for `where` with a remedy."""
    try:
        yield
    except Exception as error:
        if not _is_of_s3(error):
            raise
        raise store_error(error, where) from error


def store_error(error: Exception, where: str) -> StoreError:
    """The StoreError for what botocore raised."""
    code = code_of(error)
    if not code:
        classes = [each.__name__ for each in type(error).__mro__]
        remedy = next((_REMEDY[name] for name in classes if name in _REMEDY), _ELSE)
        return StoreError(f"S3 could not be used: {_one_line(error)}", where=where, remedy=remedy)
    operation = str(getattr(error, "operation_name", "the request"))
    said = _one_line(_answer(error)["Error"].get("Message") or "no reason given")
    remedy = _REMEDY.get(code, _ELSE)
    if code in _DENIED:
        remedy = f"The credentials in use may not do this; they need {_RIGHTS.get(operation, 'more rights')}."
    return StoreError(f"S3 refused {operation} ({code}): {said}", where=where, remedy=remedy)


def _answer(error: BaseException) -> dict[str, Any]:
    answer = getattr(error, "response", None)
    return answer if isinstance(answer, dict) else {}


def _is_of_s3(error: Exception) -> bool:
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, BotoCoreError | ClientError | Boto3Error | NotS3)


def _one_line(text: object) -> str:
    """Servers and proxies may say anything, whole HTML pages too: one printable line of it."""
    printable = "".join(each if each.isprintable() else " " for each in str(text)[:2000])
    line = " ".join(printable.split())
    return line if len(line) <= 300 else line[:299] + "…"
