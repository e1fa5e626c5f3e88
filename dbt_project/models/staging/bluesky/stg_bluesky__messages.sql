{{ staged_messages(source('raw', 'bluesky')) }}
