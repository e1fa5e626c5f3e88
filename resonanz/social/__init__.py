"""What reading a social network takes beyond HTTP: how its items become messages, and what a source remembers."""
