// The only way from data to the page: text nodes, never markup.

export const $ = (id) => document.getElementById(id);

/** An element with attributes and children; a child that is a text stays one. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set a text only where it differs, so that a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

const sameDay = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const otherDay = new Intl.DateTimeFormat([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  hourCycle: "h23" });

/** A time of today with seconds, an earlier one with its day. */
export function at(rfc3339) {
  const time = new Date(rfc3339);
  return (time.toDateString() === new Date().toDateString() ? sameDay : otherDay).format(time);
}

/** ``start the stream`` → ``Start the stream``. */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** An argument or a result as a person reads it. */
export const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 1));

export function args(list, values) {
  const pairs = Object.entries(values);
  if (!pairs.length) list.append(h("dt", { class: "unseen" }, "arguments"), h("dd", { class: "none" }, "no arguments"));
  for (const [name, value] of pairs) list.append(h("dt", {}, name), h("dd", {}, shown(value)));
}
