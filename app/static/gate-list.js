/* The signed status list: opened, and asked about a code. The format is written out in
   app/services/verification/status_list.py. */

import { decodeBase64, isSigned } from "./gate-signature.js";

const INFLATER = "./vendor/pako-inflate.js";
const FORMAT = "lixiao-slip-status/1";
const SIGNED = ["format", "host", "kid", "counter", "log", "issued_at", "size", "bits"];
const ISSUED = 1;
const LAPSED = { 2: "superseded", 3: "revoked" };

/** `{counter, log, issuedAt, getStatus}`. Throws unless a key that may sign lists of that day signed this one for
    our host. */
export async function openStatusList(document, host, keys, toLocalDay) {
  if (document.format !== FORMAT || document.host !== host) throw new Error("not our list");
  const issuedAt = Date.parse(document.issued_at);
  const key = keys.keys.find((candidate) => candidate.kid === document.kid);
  if (!key || !mayList(key, toLocalDay(issuedAt))) throw new Error("not our key");
  const text = SIGNED.map((name) => document[name]).join("\n");
  const signature = decodeBase64(document.signature);
  if (!(await isSigned(key, signature, new TextEncoder().encode(text)))) throw new Error("not signed");
  const places = await inflate(decodeBase64(document.bits));
  if (places.length * 4 !== document.size) throw new Error("not whole");
  const getStatus = (index) => (places[index >> 2] >> (2 * (index & 3))) & 3;
  return { counter: document.counter, log: document.log, issuedAt, getStatus };
}

/** Whether a list goes back behind what was seen: fewer entries of the log, or others of the same number. */
export function goesBack(list, seen) {
  return list.counter < seen.counter || (list.counter === seen.counter && list.log !== seen.log);
}

/** The verdict on a checked code by this list alone, with the name of the note that explains an unsure one. A list
    that is too old makes nothing valid; what it knows of lapsed codes stays true. `times` are those of `getTimes`:
    no date is held against a slip that the device's clock may have wrong. */
export function judgeWithList(checked, list, times, maxAgeMs, toLocalDay) {
  const { code, verdict } = checked;
  if (verdict !== checked.verdict_if_issued) return unsure(code, "compromised");
  const status = list.getStatus(code.status_index);
  if (LAPSED[status]) return { code, verdict: LAPSED[status] };
  if (verdict === "not_yet_valid") return unsure(code, "clock");
  if (verdict === "expired") return code.expires_on < toLocalDay(times.earliest) ? { code, verdict } : unsure(code, "clock");
  if (status !== ISSUED) return judgeUnlisted(code, list, toLocalDay);
  if (times.isBehind) return unsure(code, "clock");
  return times.latest - list.issuedAt > maxAgeMs ? unsure(code, "stale") : { code, verdict };
}

/* A code tells its day and no more: one of the list's own day may have been issued a minute after it. */
function judgeUnlisted(code, list, toLocalDay) {
  const isOlder = code.issued_on < toLocalDay(list.issuedAt);
  return isOlder ? { code, verdict: "never_issued" } : unsure(code, "newer-than-list");
}

function unsure(code, note) {
  return { code, verdict: "status_unknown", note };
}

function mayList(key, day) {
  return key.state !== "compromised" && key.not_before <= day && day <= key.not_after;
}

async function inflate(bytes) {
  if (!("DecompressionStream" in globalThis)) return (await import(INFLATER)).inflate(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
