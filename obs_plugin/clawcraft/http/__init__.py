"""The door: routes, the gate every request passes, and a waitress server that really stops."""
