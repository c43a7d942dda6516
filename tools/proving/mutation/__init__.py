"""Small faults put into the service one at a time, to see whether a test notices."""
