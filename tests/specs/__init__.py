"""The platforms' own specifications, and whether a request and its answer keep to them.

`openapi` (Mastodon, X), `meta` (Graph API: Facebook, Instagram), `discovery` (YouTube, Google Business accounts and
locations), `documented` (LinkedIn, Google reviews: written down here from the vendors' documentation), and `recorder`,
which listens to a running stand-in. All of them say `violations(method, path, query, status, body, headers, sent)`: a
list of words, empty where everything is in order.
"""
