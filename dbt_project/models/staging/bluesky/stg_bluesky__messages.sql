{{ staged_messages('bluesky') }}
