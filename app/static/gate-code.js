/* The slip's code, format 1, checked in the browser: no library, no network. The layout is written out in
   app/domain/slip_code.py, and tests/vectors/slip_code.json holds for both. */

import { isSigned } from "./gate-signature.js";

const FIRST_DAY = Date.UTC(2020, 0, 1);
const DAY_MS = 86400000;
const HEAD_BYTES = 41;
const SIGNATURE_BYTES = 64;
const MAX_NAME_BYTES = 9;
const DOMAIN = "lixiao-slip/1\0";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** `{code, body, signature}`, unproven; null for all that is not the one text of a code. */
export function parseCode(text) {
  if (!/^[1-9][0-9]{250,274}$/.test(text)) return null;
  const bytes = toBytes(BigInt(text));
  const body = bytes.subarray(0, -SIGNATURE_BYTES);
  if (body.length < HEAD_BYTES || body[0] !== 1) return null;
  const code = unpack(body);
  return code && { code, body, signature: bytes.subarray(-SIGNATURE_BYTES) };
}

/** What a code proves by form, signature and time: `{verdict, verdict_if_issued, code}`. `keys` is the
    published key set, `today` the slip's local date as YYYY-MM-DD. */
export async function checkCode(text, host, keys, today) {
  const parsed = parseCode(text);
  if (!parsed) return refuse("malformed");
  const key = keys.keys.find((candidate) => candidate.kid === String(parsed.code.kid));
  if (!key) return refuse("unknown_key");
  const message = join(encoder.encode(DOMAIN), encoder.encode(host.toLowerCase()), [0], parsed.body);
  if (!(await isSigned(key, parsed.signature, message))) return refuse("bad_signature");
  return judge(parsed.code, key, today);
}

function refuse(verdict) {
  return { verdict, verdict_if_issued: verdict, code: null };
}

function judge(code, key, today) {
  if (code.issued_on < key.not_before || code.issued_on > key.not_after) return refuse("unknown_key");
  let verdict = "valid";
  if (today < code.issued_on) verdict = "not_yet_valid";
  else if (code.expires_on && code.expires_on < today) verdict = "expired";
  return { verdict: key.state === "compromised" ? "status_unknown" : verdict, verdict_if_issued: verdict, code };
}

function unpack(body) {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const [issued, expires, size] = [view.getUint16(12), view.getUint16(14), body[40]];
  if (size > MAX_NAME_BYTES || body.length !== HEAD_BYTES + size) return null;
  if (!body[1] || !body[16] || !issued || (expires && expires < issued)) return null;
  const lastFour = readText(body.subarray(36, 40));
  const name = readText(body.subarray(HEAD_BYTES));
  if (lastFour === null || !/^-{0,3}[0-9A-Za-z]+$/.test(lastFour)) return null;
  if (name === null || /[\u0000-\u001f\u007f-\u009f]/.test(name)) return null;
  return {
    kid: body[1],
    slip_id: toHex(body.subarray(2, 12)),
    issued_on: toDate(issued),
    expires_on: expires ? toDate(expires) : null,
    document_type: body[16],
    status_index: (body[17] << 16) | view.getUint16(18),
    content_digest: toHex(body.subarray(20, 36)),
    last_four: lastFour,
    masked_name: name,
  };
}

function readText(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

function toBytes(number) {
  const hex = number.toString(16);
  const pairs = hex.padStart(hex.length + (hex.length % 2), "0").match(/../g);
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
}

function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function toDate(days) {
  return new Date(FIRST_DAY + days * DAY_MS).toISOString().slice(0, 10);
}

function join(...parts) {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
