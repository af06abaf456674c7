"""Exit with 0 if a URL answers: `health.py URL [PART]`.

With PART: if Airflow's health page reports that part as healthy.
"""

import json
import sys
from urllib.request import urlopen

url, *part = sys.argv[1:]
with urlopen(url, timeout=4) as response:  # noqa: S310  # the URLs are in docker-compose.yaml
    if part and json.load(response)[part[0]]["status"] != "healthy":
        sys.exit(f"{part[0]} has no heartbeat")
