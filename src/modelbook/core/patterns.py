"""What a person may write by hand in a file of the registry, as a pattern for a program and in words for a person."""

from modelbook.core.names import NAME_PATTERN

STORE_PATTERN = r"^(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_][A-Za-z0-9._-]*)*|file:[^#?%\x00-\x20]+)$"
DATASET_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?@[1-9][0-9]{0,8}$"
METRIC_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$"
SPAN_PATTERN = r"^[1-9][0-9]{0,3}[mhd]$"
DAYS_PATTERN = r"^[1-9][0-9]{0,3}d$"
WHEN_PATTERN = r"^([0-9A-Za-z*/,#-]+( [0-9A-Za-z*/,#-]+){4}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})$"
PARAMETER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_.-]*$"
SWEEP_DATA_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?@[1-9][0-9]{0,8}(:(train|validation|test))?$"
FILE_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._+@=,-]*(/[A-Za-z0-9_][A-Za-z0-9._+@=,-]*)*$"
ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9]*([/_+-][A-Za-z0-9]+)*$"

_WORDS = {
    NAME_PATTERN: "a name is of a-z, 0-9 and '-', and neither begins nor ends with '-'",
    STORE_PATTERN: "a store is s3://bucket/prefix (a bucket has 3 characters or more) or file:folder",
    DATASET_PATTERN: "a dataset version is written as in digits@1",
    SPAN_PATTERN: "a length of time is a whole number with m, h or d, as in 24h",
    DAYS_PATTERN: "a number of days is written as in 7d",
    WHEN_PATTERN: "a time is five cron fields, as in 0 18 * * FRI, or a date with a time, as in 2026-12-20T00:00",
    PARAMETER_PATTERN: "a parameter is named by letters, digits and _ . -, and begins with a letter or '_'",
    SWEEP_DATA_PATTERN: "a sweep names its data by version, as in digits@1, or digits@1:test with a role",
    FILE_PATTERN: "a file is named from its folder on, with / between, by letters, digits and . _ + @ = , -; "
    "no part begins with a dot or a sign",
    ZONE_PATTERN: "a time zone is named as in Europe/Berlin",
    METRIC_PATTERN: "a metric is named by letters, digits and '_', and does not begin with a digit; one of a slice "
    "has its parts after dots, as in by_country.de.accuracy",
}


def in_words(pattern: str) -> str | None:
    """What `pattern` asks for; None where nobody writes by hand what it is for."""
    return _WORDS.get(pattern)
