/* What a scanned code is worth: by the signed list that this device holds, and by the service where it answers. */

import { checkCode, parseCode } from "./gate-code.js";
import { getTimes } from "./gate-clock.js";
import { judgeWithList } from "./gate-list.js";

const LAPSED = ["revoked", "superseded"];
const NEEDS_LOG = ["bad_signature", "unknown_key"];

/** Whether a verdict stays for ever. */
export function isLapsed(verdict) {
  return LAPSED.includes(verdict);
}

/** `{verdict, code, note}` by what this device holds alone. `known` is `{keys, list}` or null; `verifier` null where
    nobody here verifies signatures. */
export async function judgeAlone(digits, { known, verifier, host, maxAgeMs, toLocalDay }) {
  if (!parseCode(digits)) return { verdict: "malformed", code: null };
  if (!verifier) return { verdict: "status_unknown", note: "unsupported", code: null };
  if (!known) return { verdict: "status_unknown", note: "nothing-kept", code: null };
  const times = getTimes();
  const checked = await checkCode(digits, host, known.keys, toLocalDay(times.latest));
  if (checked.verdict === "unknown_key") return { verdict: "status_unknown", note: "no-key", code: null };
  return checked.code ? judgeWithList(checked, known.list, times, maxAgeMs, toLocalDay) : checked;
}

/** The verdict on the slip of a short code that was scanned here before, by the list alone, or null. A short code
    carries no name to compare, so that it makes nothing valid. */
export function judgeSeen(seen, { known, maxAgeMs, toLocalDay }) {
  if (seen && seen.lapsed) return { verdict: seen.lapsed, code: null };
  if (!known || !seen || seen.status_index === undefined) return null;
  const checked = { code: seen, verdict: "valid", verdict_if_issued: "valid" };
  const { verdict, note } = judgeWithList(checked, known.list, getTimes(), maxAgeMs, toLocalDay);
  return verdict === "valid" ? { verdict: "status_unknown", note: "short-listed", code: null } : { verdict, note, code: null };
}

/** Both together. The service has the issued log and decides, but for two things: what the signed list knows to have
    lapsed stays so, and where the service itself cannot tell, the list may. `byList` says that the list decided. */
export function merge(alone, answer) {
  if (!answer) return { ...alone, byList: true };
  if (answer.verdict === "rate_limited") return { ...alone, byList: true, isLimited: true };
  if (answer.verdict === "status_unknown") {
    const isOpen = NEEDS_LOG.includes(alone.verdict);
    return isOpen ? { verdict: "status_unknown", code: null } : { ...alone, byList: true };
  }
  if (isLapsed(alone.verdict) && answer.verdict === "valid") return { ...alone, byList: true };
  return { verdict: answer.verdict, code: alone.code, slip: answer, byList: false };
}
