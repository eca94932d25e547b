"""MLflow: runs and models, its database, and what it answers when it cannot be reached."""
