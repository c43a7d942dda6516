import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { PLUGIN_ID } from "../lib/plugin-id.js";
import { Gateway } from "./plugin.js";

const read = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));
const manifest = read("openclaw.plugin.json");
const snippet = read("config_snippet.json");

test("every tool of tools.json is registered and in the manifest, visible in the common profiles", (t) => {
  const names = read("tools.json").map((tool) => tool.name);
  assert.deepEqual(manifest.contracts.tools, names);
  assert.deepEqual([...new Gateway(t, {}).tools.keys()], names);
  for (const name of names) {
    assert.match(name, /^[a-z0-9_]{1,64}$/);
    assert.deepEqual(manifest.toolMetadata[name].profiles, ["coding", "messaging", "full"]);
  }
});

test("the configuration snippet uses the plugin's id and only keys of its schema", () => {
  const { config } = snippet.plugins.entries[PLUGIN_ID];
  assert.equal(manifest.id, PLUGIN_ID);
  assert.equal(snippet.plugins.allow, undefined, "a patch would replace the list there is");
  for (const key of Object.keys(config)) {
    assert.ok(key in manifest.configSchema.properties, key);
  }
});

test("every secret has a SecretRef path that cannot keep the gateway from starting", () => {
  const secrets = Object.keys(manifest.uiHints).filter((key) => manifest.uiHints[key].sensitive);
  const { paths } = manifest.configContracts.secretInputs;
  assert.deepEqual(paths.map(({ path }) => path).sort(), secrets.sort());
  for (const { ownerKind } of paths) {
    assert.equal(ownerKind, "capability");
  }
});

test("the package ships what it needs and depends on nothing", () => {
  const { files, dependencies, version } = read("package.json");
  for (const file of files) {
    assert.ok(existsSync(new URL(`../${file}`, import.meta.url)), file);
  }
  assert.equal(dependencies, undefined);
  assert.equal(version, manifest.version);
});
