"""How what a deleted message said is found and taken out: in batches, in payloads of others, in the warehouse."""
