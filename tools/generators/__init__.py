"""The files that are made of the service's own tables, each generator as ``files()``: path and text."""
