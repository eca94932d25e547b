"""The network and its model files: pictures in, embeddings out."""
