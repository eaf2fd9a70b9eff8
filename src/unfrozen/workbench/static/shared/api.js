// Typed JSON to and from the server; whatever is refused comes as one line.

export class Refused extends Error {}

async function read(response) {
  const text = await response.text();
  let data = null;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Refused(`the workbench answered ${response.status} without JSON: restart it`);
  }
  if (!response.ok) throw new Refused(data?.error ?? `the workbench answered ${response.status}`);
  return data;
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refused("the workbench does not answer: is `unfrozen workbench` still running?");
  }
  return read(response);
}

export const get = (path, query = {}) => {
  const asked = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return send(asked.length ? `${path}?${new URLSearchParams(asked)}` : path, {});
};

export const post = (path, body) =>
  send(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });

/** Send the bytes of a file. */
export const upload = (path, query, file) =>
  send(`${path}?${new URLSearchParams(query)}`, {
    method: "POST",
    headers: { "Content-Type": "application/octet-stream" },
    body: file,
  });

const channel = new BroadcastChannel("unfrozen");

/** Tell the other tabs that something has changed. */
export const tell = (what) => channel.postMessage(what);

/** Hear of changes that other tabs have made. */
export const hear = (what, act) =>
  channel.addEventListener("message", (event) => event.data === what && act());
