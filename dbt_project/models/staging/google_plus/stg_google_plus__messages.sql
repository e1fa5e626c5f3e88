{{ staged_messages('google_plus') }}
