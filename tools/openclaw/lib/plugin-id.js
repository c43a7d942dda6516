// The id under plugins.entries; also the name in openclaw.plugin.json.

export const PLUGIN_ID = "twitch-clawcraft";
