{{ staged_messages(source('raw', 'archive')) }}
