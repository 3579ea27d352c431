/* The signed status list: opened, and asked about a code. The format is written out in
   app/services/verification/status_list.py. */

import { isSigned } from "./gate-code.js";

const FORMAT = "lixiao-slip-status/1";
const SIGNED = ["format", "host", "kid", "counter", "log", "issued_at", "size", "bits"];
const ISSUED = 1;
const LAPSED = { 2: "superseded", 3: "revoked" };
const MINUTE_MS = 60000;

/* A device may be this much slow. */
const SLOW_MS = 5 * MINUTE_MS;

/** `{counter, issuedAt, getStatus}`. Throws unless a key that may sign lists of that day signed this one for
    our host. */
export async function openStatusList(document, host, keys, toLocalDay) {
  if (document.format !== FORMAT || document.host !== host) throw new Error("not our list");
  const issuedAt = Date.parse(document.issued_at);
  const key = keys.keys.find((candidate) => candidate.kid === document.kid);
  if (!key || !mayList(key, toLocalDay(issuedAt))) throw new Error("not our key");
  const text = SIGNED.map((name) => document[name]).join("\n");
  const signature = decode(document.signature);
  if (!(await isSigned(key, signature, new TextEncoder().encode(text)))) throw new Error("not signed");
  const places = await inflate(decode(document.bits));
  if (places.length * 4 !== document.size) throw new Error("not whole");
  const getStatus = (index) => (places[index >> 2] >> (2 * (index & 3))) & 3;
  return { counter: document.counter, issuedAt, getStatus };
}

/** The verdict on a checked code by this list, with the name of the note that explains an unsure one. A list
    that is too old makes nothing valid; what it knows of lapsed codes stays true. `isCurrent` says that the
    service was asked for it just now. */
export function judgeWithList(checked, list, now, maxAgeMs, toLocalDay, isCurrent) {
  const { code, verdict } = checked;
  if (verdict !== checked.verdict_if_issued) return { code, verdict: "status_unknown", note: "compromised" };
  const status = list.getStatus(code.status_index);
  const age = now - list.issuedAt;
  if (LAPSED[status]) return { code, verdict: LAPSED[status] };
  if (verdict !== "valid") return { code, verdict };
  if (status !== ISSUED && (isCurrent || isOlderThanList(code, list, toLocalDay))) return { code, verdict: "never_issued" };
  if (age < -SLOW_MS) return { code, verdict: "status_unknown", note: "clock" };
  if (age > maxAgeMs) return { code, verdict: "status_unknown", note: "stale" };
  if (status === ISSUED) return { code, verdict };
  return { code, verdict: "status_unknown", note: "newer-than-list" };
}

/* A code tells its day and no more: one of the list's own day may have been issued a minute after it. */
function isOlderThanList(code, list, toLocalDay) {
  return code.issued_on < toLocalDay(list.issuedAt);
}

function mayList(key, day) {
  return key.state !== "compromised" && key.not_before <= day && day <= key.not_after;
}

function decode(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
