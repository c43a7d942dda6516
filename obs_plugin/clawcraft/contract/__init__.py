"""The contract as code: schemas, OpenAPI, idempotency, rate limits."""
