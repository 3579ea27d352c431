// A second verifier of the slip's code, format 1, written from the layout alone: WebCrypto, no library.
// In a page: import { checkSlipCode } from "./verify_slip_code.mjs" (needs https or loopback).
// In node:   node verify_slip_code.mjs slip_code.json

const EPOCH = Date.UTC(2020, 0, 1);
const DAY = 86400000;
const HEAD = 41;
const SIGNATURE = 64;
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const toDay = (days) => new Date(EPOCH + days * DAY).toISOString().slice(0, 10);
const join = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));

function readBytes(text) {
  if (!/^[1-9][0-9]{250,274}$/.test(text)) return null;
  const hex = BigInt(text).toString(16);
  const even = hex.length % 2 ? `0${hex}` : hex;
  return Uint8Array.from(even.match(/../g), (pair) => parseInt(pair, 16));
}

/** The fields of a code, or null when the text is not the one text of a code. */
export function parseSlipCode(text) {
  const bytes = readBytes(text);
  if (!bytes || bytes.length < HEAD + SIGNATURE || bytes[0] !== 1) return null;
  const body = bytes.slice(0, -SIGNATURE);
  const size = body[40];
  if (size > 9 || body.length !== HEAD + size) return null;
  const view = new DataView(body.buffer);
  const [issued, expires] = [view.getUint16(12), view.getUint16(14)];
  const lastFour = String.fromCharCode(...body.slice(36, 40));
  if (body[1] === 0 || issued === 0 || (expires !== 0 && expires < issued) || body[16] === 0) return null;
  if (!/^-{0,3}[0-9A-Za-z]+$/.test(lastFour)) return null;
  let name;
  try {
    name = strict.decode(body.slice(HEAD));
  } catch {
    return null;
  }
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) return null;
  const code = {
    kid: body[1],
    slip_id: toHex(body.slice(2, 12)),
    issued_on: toDay(issued),
    expires_on: expires ? toDay(expires) : null,
    document_type: body[16],
    status_index: body[17] * 65536 + view.getUint16(18),
    content_digest: toHex(body.slice(20, 36)),
    last_four: lastFour,
    masked_name: name,
  };
  return { code, body, signature: bytes.slice(-SIGNATURE) };
}

async function isSignedBy(jwk, host, { body, signature }) {
  const { kty, crv, x } = jwk;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x }, { name: "Ed25519" }, false, ["verify"]);
  const message = join(utf8.encode("lixiao-slip/1\0"), utf8.encode(host.toLowerCase()), [0], body);
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}

function judgeTime(code, today) {
  if (today < code.issued_on) return "not_yet_valid";
  return code.expires_on !== null && code.expires_on < today ? "expired" : "valid";
}

const refuse = (verdict) => ({ verdict, verdict_if_issued: verdict, code: null });

/** What a code proves without the issued log; `today` is an ISO date, `jwks` the service's published keys. */
export async function checkSlipCode(text, host, jwks, today) {
  const parsed = parseSlipCode(text);
  if (!parsed) return refuse("malformed");
  const { code } = parsed;
  const key = jwks.keys.find((candidate) => candidate.kid === String(code.kid));
  if (!key) return refuse("unknown_key");
  if (!(await isSignedBy(key, host, parsed))) return refuse("bad_signature");
  if (code.issued_on < key.not_before || key.not_after < code.issued_on) return refuse("unknown_key");
  const verdict = judgeTime(code, today);
  return { verdict: key.state === "compromised" ? "status_unknown" : verdict, verdict_if_issued: verdict, code };
}

const LOOK_ALIKES = {
  А: "A", В: "B", Е: "E", З: "3", І: "1", Ј: "J", К: "K", М: "M", Н: "H", О: "0", Р: "P", Ѕ: "S", С: "C", Т: "T",
  У: "Y", Х: "X", Α: "A", Β: "B", Ε: "E", Ζ: "Z", Η: "H", Ι: "1", Κ: "K", Μ: "M", Ν: "N", Ο: "0", Ρ: "P", Τ: "T",
  Υ: "Y", Χ: "X", I: "1", L: "1", O: "0", "〇": "0",
};

/** The slip id of a typed short code in hex, or null. */
export function parseShortCode(text) {
  if ([...text].length > 64) return null;
  const kept = text.normalize("NFKC").replace(/[\p{Z}\p{Cc}\p{Cf}\p{Pd}\u2212\u30fc\u4e00\u2500\u2501"'`.,:;_、。·“”‘’「」『』《》<>()[\]{}]/gu, "");
  const typed = [...kept.toUpperCase()].map((sign) => LOOK_ALIKES[sign] ?? sign);
  if (typed.length !== 16 || !typed.every((sign) => CROCKFORD.includes(sign))) return null;
  const number = [...typed].reduce((sum, character) => sum * 32n + BigInt(CROCKFORD.indexOf(character)), 0n);
  return number.toString(16).padStart(20, "0");
}

/** Whether a code was made for exactly this printed content. */
export async function hasContent(code, record) {
  const texts = [record.title, record.number, String(record.fields.length)];
  for (const { key, label, value } of record.fields) texts.push(key, label, value);
  texts.push(String(record.steps.length));
  for (const { key, department, title, status, status_word, facts, learnt_at } of record.steps) {
    texts.push(key, department, title, status, status_word, String(facts.length));
    for (const fact of facts) texts.push(fact.key, fact.label, fact.value);
    texts.push(learnt_at);
  }
  texts.push(record.statement, record.submitted_at, record.issued_on);
  const parts = texts.map((text) => utf8.encode(text.normalize("NFC")));
  const sized = parts.flatMap((part) => [Uint8Array.from([24, 16, 8, 0], (shift) => part.length >> shift), part]);
  const slipId = Uint8Array.from(code.slip_id.match(/../g), (pair) => parseInt(pair, 16));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", join(slipId, ...sized)));
  return toHex(digest.slice(0, 16)) === code.content_digest;
}

async function agrees(vector, rings) {
  const check = ({ text, host, keys, today }) => checkSlipCode(text, host, rings[keys], today);
  const found = await check(vector);
  const { verdict, verdict_if_issued, code } = vector;
  if (JSON.stringify(found) !== JSON.stringify({ verdict, verdict_if_issued, code })) return false;
  if (vector.record && (await hasContent(found.code, vector.record)) !== vector.has_content) return false;
  return !vector.cure || (await check({ ...vector, ...vector.cure })).verdict === "valid";
}

/** The number of vectors, and the names of those on which this verifier disagrees. */
export async function runVectors({ rings, vectors, short_codes }) {
  const wrong = [];
  for (const vector of vectors) if (!(await agrees(vector, rings))) wrong.push(vector.name);
  for (const { name, text, slip_id } of short_codes) if (parseShortCode(text) !== slip_id) wrong.push(name);
  return { count: vectors.length + short_codes.length, wrong };
}

if (globalThis.process?.argv?.[2]) {
  const { readFile } = await import("node:fs/promises");
  const { count, wrong } = await runVectors(JSON.parse(await readFile(process.argv[2], "utf8")));
  console.log([`${count} vectors, ${wrong.length} disagree`, ...wrong].join("\n"));
  process.exitCode = wrong.length ? 1 : 0;
}
