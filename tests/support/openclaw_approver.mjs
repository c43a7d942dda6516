// A person at the gateway's approval prompt: answers each plugin approval with one decision.
// argv: folder of the installed packages, URL of the gateway, decision. Its token is in OPENCLAW_GATEWAY_TOKEN.
// One JSON line for each thing that happens.

import { pathToFileURL } from "node:url";

const [folder, url, decision] = process.argv.slice(2);
const { GatewayClient } = await import(pathToFileURL(`${folder}/node_modules/openclaw/dist/plugin-sdk/gateway-runtime.js`));
const say = (line) => console.log(JSON.stringify(line));

const client = new GatewayClient({
  url,
  token: process.env.OPENCLAW_GATEWAY_TOKEN,
  clientName: "gateway-client",
  clientDisplayName: "approver",
  mode: "backend",
  caps: ["approvals"],
  // Only an administrator sees the approvals of runs that others began.
  scopes: ["operator.admin", "operator.approvals"],
  onHelloOk: () => say({ ready: true }),
  onConnectError: (error) => say({ error: String(error) }),
  onEvent: async ({ event, payload }) => {
    if (event === "plugin.approval.requested") {
      await client.request("plugin.approval.resolve", { id: payload.id, decision });
      say({ asked: payload.request });
    }
  },
});
client.start();
