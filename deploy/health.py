"""Exits 0 if a URL answers well: health.py URL. Or if a part that Airflow's health page lists is alive: health.py URL PART."""

import json
import sys
from urllib.request import urlopen

url, *part = sys.argv[1:]
with urlopen(url, timeout=4) as answer:  # noqa: S310  # the URLs stand in docker-compose.yaml
    if part and json.load(answer)[part[0]]["status"] != "healthy":
        sys.exit(f"{part[0]} has no heartbeat")
