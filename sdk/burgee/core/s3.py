"""Reaching S3, for everybody who keeps something there: the archives and the files.

S3 is reached as the usual variables say: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`,
`AWS_ENDPOINT_URL`, `AWS_PROFILE` and so on.
"""

from typing import Any
from urllib.parse import urlsplit

from burgee.core.errors import InvalidInputError, MissingExtraError

S3_HINT = "see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, and that the bucket exists"
"""What to look at when it does not work."""


def bucket_of(place: str, what: str) -> tuple[str, str]:
    """The bucket and the prefix of `s3://bucket/prefix`; `what` lies there, e.g. "an archive"."""
    url = urlsplit(place)
    if url.scheme != "s3" or not url.netloc:
        raise InvalidInputError(f"{place!r} is no place for {what}", hint="give a folder or s3://bucket/prefix")
    return url.netloc, url.path.strip("/")


def s3_client(what: str, **config: object) -> Any:  # noqa: ANN401 - boto3 makes its classes when it runs
    """A client of S3 for `what`; `config` as botocore's `Config`.

    Raises:
        MissingExtraError: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise MissingExtraError(f"{what} on S3", "s3") from None
    return boto3.session.Session().client("s3", config=Config(**config))  # of its own: the shared one keeps old keys
