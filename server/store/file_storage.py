"""Where files are kept: on this machine's disk, or in a bucket when a setting names one."""

from __future__ import annotations

from server.settings import Settings
from server.store.blob_files import BlobFiles
from server.store.disk_files import DiskFiles
from server.store.s3_bucket import Bucket
from server.store.s3_files import S3Files
from server.store.s3_incomplete import IncompleteParts


def open_files(settings: Settings) -> BlobFiles:
    """Return the store of files that the settings name; nothing is read or written yet."""
    if settings.bucket is None:
        return DiskFiles(settings.blob_folder)
    return S3Files(Bucket(settings.bucket), IncompleteParts(settings.bucket))
