"""Reads tables with pyiceberg, each from its metadata file, and prints its rows as a line of JSON."""

import json
import sys

from pyiceberg.table import StaticTable

for metadata_file in sys.argv[1:]:
    rows = StaticTable.from_metadata(metadata_file).scan().to_arrow().to_pylist()
    print(json.dumps({"rows": sorted(rows, key=lambda row: row["k"])}))
