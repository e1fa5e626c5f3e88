"""Reading exports (CSV, JSONL, Parquet) by a column mapping; docs/archive.md is the user's reference.

`options` what may stand in sources.toml · `values` how one value comes out of a record · `timestamps` ·
`records` and `delimited` the files · `people` private persons · `messages` a record as a message.
"""
