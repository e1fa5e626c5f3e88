"""What scoring is made of: how a text is rated, the shards of texts and scores, progress, files of one's own."""
