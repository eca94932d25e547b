"""Photos over HTTP: addresses, connections, requests, and the workers that make them."""
