"""How Orderspine is installed and run: the command, the demo, the broker, benchmarks and runbooks."""
