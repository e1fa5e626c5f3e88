{{ staged_messages('google_business') }}
