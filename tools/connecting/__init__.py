"""How hosts of MCP are told of the service: ``hosts`` says what each wants and where, ``merge`` puts it there."""


class Problem(Exception):
    """Raised where a host's file cannot be changed; the message says what to do."""
