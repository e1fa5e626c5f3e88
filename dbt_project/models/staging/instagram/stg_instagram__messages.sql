{{ staged_messages('instagram') }}
