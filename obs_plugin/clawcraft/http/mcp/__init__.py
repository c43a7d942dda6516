"""``POST /mcp``: the Model Context Protocol, another door to the same way.

A message: ``rpc`` (JSON-RPC) → ``eras`` (which protocol) → ``endpoint`` (which method) → ``calls`` and ``tasks``
(actions, by the code of ``/tools/execute``), ``resources``, ``prompts``. ``tools`` says what there is, ``results`` how
it is told.
"""
