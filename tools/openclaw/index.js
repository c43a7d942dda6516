// The file OpenClaw loads. Everything else is in lib/, which imports nothing of OpenClaw and so is testable without it.

import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";

import { PLUGIN_ID, register } from "./lib/register.js";

export default definePluginEntry({
  id: PLUGIN_ID,
  name: "Twitch show (twitch-clawcraft)",
  description: "Go live, change title and category, chat, clip and stop, through OBS and the twitch-clawcraft script.",
  register,
});
