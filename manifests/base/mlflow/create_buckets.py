"""Creates the object store's buckets that are named, where they are not there yet."""

import sys

import boto3
from botocore.config import Config

# The store may be starting beside this: some minutes of patience, then the pod is tried again.
store = boto3.client("s3", config=Config(retries={"max_attempts": 8}))
there = {bucket["Name"] for bucket in store.list_buckets()["Buckets"]}
for name in sys.argv[1:]:
    if name not in there:
        store.create_bucket(Bucket=name)
        print(f"created bucket {name}")
