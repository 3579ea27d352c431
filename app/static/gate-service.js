/* Asks the service, never for longer than a given time, and tells how it stands with the network: "online", "hanging"
   (a network that brings no answer) or "offline". Each answer sets the clock. */

import { measureClock } from "./gate-clock.js";

let lastFailed = false;

/** How it stands with the network. */
export function getNetwork() {
  if (navigator.onLine === false) return "offline";
  return lastFailed ? "hanging" : "online";
}

/** `{status, data}` of a JSON answer, which has come whole within `patience` ms. `body` is sent as JSON with the `token`
    against forgery, `form` as fields. Throws where no answer has come. */
export async function ask(url, patience, { body, token, form } = {}) {
  const options = { cache: "no-cache", headers: { Accept: "application/json" } };
  if (body) {
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    Object.assign(options.headers, { "Content-Type": "application/json", "X-CSRFToken": token });
  }
  if (form) Object.assign(options, { method: "POST", body: new URLSearchParams(form) });
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), patience);
  const asked = performance.now();
  try {
    const answer = await fetch(url, { ...options, signal: end.signal });
    if (!answer.headers.get("Age")) measureClock(Date.parse(answer.headers.get("Date")), asked, performance.now());
    const data = await answer.json();
    lastFailed = false;
    return { status: answer.status, data };
  } catch (error) {
    lastFailed = true;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** The JSON of a good answer. Throws for every other. */
export async function askWell(url, patience, sent) {
  const { status, data } = await ask(url, patience, sent);
  if (status !== 200) throw new Error(String(status));
  return data;
}
