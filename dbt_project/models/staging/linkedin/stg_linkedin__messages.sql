{{ staged_messages('linkedin') }}
