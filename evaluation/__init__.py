"""`make evaluate`: how good a sentiment model is, by language and set, beside two baselines that cost nothing."""
