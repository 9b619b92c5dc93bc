// Requests to the server this page came from. The token lives in sessionStorage: it is gone with the tab.

const tokenKey = "lather-token";

export const token = {
  get: () => sessionStorage.getItem(tokenKey),
  set: (value) => sessionStorage.setItem(tokenKey, value),
  forget: () => sessionStorage.removeItem(tokenKey),
};

/** The server answered with an error status. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `The server answered ${status}.`);
    this.status = status;
  }
}

/** Percent-encodes a name: a slash stays part of it, and a quote cannot end a quoted shell word. */
export function encode(name) {
  return encodeURIComponent(name).replaceAll(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

export function path(...segments) {
  return ["v1", ...segments].map(encode).join("/");
}

/** The whole address, for a terminal. */
export function address(...segments) {
  return new URL(path(...segments), document.baseURI).href;
}

/** What a curl command needs when the server asks for a token. */
export function curl(rest) {
  return `curl ${token.get() ? '-H "Authorization: Bearer $LATHER_TOKEN" ' : ""}${rest}`;
}

/** The command that trains the example from the source on this server. */
export function example() {
  const server = new URL(".", document.baseURI).href.replace(/\/$/, "");
  return `python3 Examples/python/digits.py --url ${server}${token.get() ? " --token-file TOKEN_FILE" : ""}`;
}

/** A resource's JSON. Throws Refused for an error status, and what fetch throws when there is no answer. */
export async function get(resource, signal) {
  const headers = { Accept: "application/json" };
  const bearer = token.get();
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const timeout = AbortSignal.timeout(10_000);
  const response = await fetch(resource, {
    headers,
    cache: "no-store",
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return response.json();
}
