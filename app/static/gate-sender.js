/* Sends kept scans when somebody is signed in who may: a gate guard or a clerk. The service counts each scan's id
   once, so a scan whose answer was lost is simply sent again. */

import { askWell } from "./gate-service.js";
import { dropScans, listScans } from "./gate-store.js";

const MOST_AT_ONCE = 100;
const PATIENCE_MS = 8000;

let sending = null;

/** Send what waits, with the newest list that was seen here, `{counter, issued_at}`; where the service has gone back
    behind that list (`isBack`), also when nothing waits. Several calls at a time are one. */
export function sendScans(url, token, seen, isBack) {
  sending = sending || sendAll(url, token, seen, isBack).finally(() => { sending = null; });
  return sending;
}

async function sendAll(url, token, seen, isBack) {
  let checks = await listScans(MOST_AT_ONCE);
  let isTold = !isBack;
  while (checks.length || !isTold) {
    const { known } = await askWell(url, PATIENCE_MS, { body: { checks, seen }, token });
    isTold = true;
    await dropScans(known);
    checks = known.length ? await listScans(MOST_AT_ONCE) : [];
  }
}
