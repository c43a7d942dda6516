"""What goes wrong, told to a human by a webhook: Discord, Slack, or JSON to whatever takes it."""
