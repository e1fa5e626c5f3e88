{{ staged_messages('archive') }}
