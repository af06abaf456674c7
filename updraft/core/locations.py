"""Locations of files and tables, in the spelling that each library expects."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from upath import UPath

from updraft.core.errors import UpdraftError

LOCAL_PROTOCOLS = ("", "file")
S3_PROTOCOLS = ("s3", "s3a")  # Python's libraries take the first, Hadoop the second.
HADOOP_GLOB = re.compile(r"([\[\]{}*?])")


@dataclass(frozen=True)
class Location:
    """A file or folder on this machine or in an object store.

    Attributes:
        path: For reading and writing small files from Python.
    """

    path: UPath

    @classmethod
    def of(cls, text_or_path: str | Path | UPath, base: Path | UPath | None = None) -> Self:
        """Read a location as people write it.

        Args:
            text_or_path: An absolute path, a URI, or a path below ``base``. In a URI of a local
                file, a character may be escaped (``file:///a%20b``).
            base: The folder of relative paths; by default the working directory.
        """
        text = str(text_or_path)
        if text.startswith("file:"):
            return cls(UPath(unquote(urlsplit(text).path)))
        if base is None or "://" in text or text.startswith("/"):
            return cls(UPath(text_or_path))
        return cls(UPath(base) / text)

    @property
    def is_local(self) -> bool:
        return self.path.protocol in LOCAL_PROTOCOLS

    @property
    def spark(self) -> str:
        """The spelling of Spark and Hadoop: a local path, or a URI such as ``s3a://bucket/key``."""
        return self.path.path if self.is_local else self._with_s3_protocol("s3a")

    @property
    def spark_literal(self) -> str:
        """``spark`` with Hadoop's glob characters escaped, for one file of exactly this name."""
        return HADOOP_GLOB.sub(r"\\\1", self.spark)

    @property
    def deltalake(self) -> str:
        """The spelling of deltalake: a local path, or a URI such as ``s3://bucket/key``."""
        return self.path.path if self.is_local else self._with_s3_protocol("s3")

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What deltalake must be told besides the ``AWS_*`` variables, which it reads itself.

        Of S3 it accepts a server without encryption, such as one on this machine, only on demand.
        """
        if self.path.protocol not in S3_PROTOCOLS:
            return None
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        return {"allow_http": str(endpoint.startswith("http://")).lower()}

    @property
    def uri(self) -> str:
        """The location with its protocol: ``file:///...``, or a URI as Spark spells it."""
        return self.local.absolute().as_uri() if self.is_local else self.spark

    @property
    def local(self) -> Path:
        """The path on this machine.

        Raises:
            UpdraftError: The location is in an object store.
        """
        if not self.is_local:
            raise UpdraftError(
                f"{self}: found a URI, expected a folder or file on this machine. "
                "Give a local path instead."
            )
        return Path(self.path.path)

    def __truediv__(self, name: str) -> "Location":
        return Location(self.path / name)

    def __str__(self) -> str:
        return self.spark

    def _with_s3_protocol(self, protocol: str) -> str:
        text = str(self.path)
        if self.path.protocol in S3_PROTOCOLS:
            _, _, key = text.partition("://")
            return f"{protocol}://{key}"
        return text
