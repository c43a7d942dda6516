"""What an agent may ask for: the allowlist, and one module per family of actions."""
