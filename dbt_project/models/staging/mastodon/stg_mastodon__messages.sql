{{ staged_messages(source('raw', 'mastodon')) }}
