// The contract's request signature: HMAC-SHA256 over the timestamp, a dot and the raw body.

import { createHmac } from "node:crypto";

/** The headers that sign `body` (the exact text that is sent) at `nowMs`. */
export function signatureHeaders(secret, body, nowMs) {
  const timestamp = String(Math.floor(nowMs / 1000));
  const digest = createHmac("sha256", secret).update(`${timestamp}.${body}`, "utf8").digest("hex");
  return { "X-Tool-Timestamp": timestamp, "X-Tool-Signature": `sha256=${digest}` };
}
