{{ staged_messages('facebook') }}
