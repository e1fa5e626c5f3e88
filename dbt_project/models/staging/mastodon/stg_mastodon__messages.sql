{{ staged_messages('mastodon') }}
