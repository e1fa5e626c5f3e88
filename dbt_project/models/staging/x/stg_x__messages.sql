{{ staged_messages('x') }}
