"""What an operator sees: structured log and metrics."""
