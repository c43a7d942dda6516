"""OBS as the service sees it: the port, its obspython adapter, the UI thread and stream control."""
