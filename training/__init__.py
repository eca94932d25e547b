"""Training the embedder on a dump without labels, and settling which model a dump is embedded with."""
