/* Sends kept checks when somebody is signed in who may: a gate guard or a clerk. The service counts each
   check's id once, so a check whose answer was lost is simply sent again. */

import { dropChecks, listChecks } from "./gate-store.js";

const MOST_AT_ONCE = 100;

let sending = null;

/** Send what waits, and tell whether anything waits for somebody to sign in. Several calls at a time are one. */
export function sendChecks(addresses) {
  sending = sending || sendAll(addresses).finally(() => { sending = null; });
  return sending;
}

async function sendAll({ sessionUrl, checksUrl }) {
  let checks = await listChecks(MOST_AT_ONCE);
  if (!checks.length) return false;
  const session = await ask(sessionUrl);
  if (!session.may_send) return true;
  while (checks.length) {
    const { known } = await ask(checksUrl, { checks }, session.csrf_token);
    await dropChecks(known);
    checks = await listChecks(MOST_AT_ONCE);
  }
  return false;
}

async function ask(url, body, token) {
  const options = { headers: { Accept: "application/json" }, cache: "no-store" };
  if (body) {
    Object.assign(options, { method: "POST", body: JSON.stringify(body) });
    Object.assign(options.headers, { "Content-Type": "application/json", "X-CSRFToken": token });
  }
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}
