{{ staged_messages('youtube') }}
