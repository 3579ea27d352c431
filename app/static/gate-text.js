/* What a scanner, a camera or a person hands over, read by the rule of `find_digits` in app/domain/texts.py. */

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LOOK_ALIKES = "OILАВЕЗІЈКМНОРЅСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ〇"; // as app/domain/texts.py reads them
const MARKS = /["'`.,:;_、。·“”‘’「」『』《》<>()[\]{}]/g;
const [LEAST_DIGITS, WHOLE_DIGITS, MOST_DIGITS] = [100, 251, 275];
const MOST_DECODED = 3;
const SCHEME = /^(.*)https?:\/+|^[^a-z0-9]+/;
const OTHER_HOST = /:\/|script:|\.[a-z]{2,}(:[0-9]+)?[/?#]/;
const UNSEEN = /[\p{Z}\p{Cc}\p{Cf}]/gu;

/** The digits of our own address or bare ones; or the `problem` with a text: "several" codes, a "foreign" address.
    A text without digits has none: `{digits: ""}`. */
export function readDigits(text, baseUrl) {
  const own = `${cutScheme(baseUrl.toLowerCase())}/v/`;
  const folded = fold(text);
  const codes = new Set();
  let behind = 0;
  for (const { 0: run, index } of findAll(/[0-9]+(?: [0-9]+)*/g, folded)) {
    const found = splitCodes(run.split(" "));
    if (found.length && isForeign(folded.slice(behind, index), own)) return { problem: "foreign" };
    found.forEach((code) => codes.add(code));
    if (found.length) behind = index + run.length;
  }
  return codes.size > 1 ? { problem: "several" } : { digits: [...codes][0] || "" };
}

/** Whether a text has the look of a short code, which holds no signature. */
export function isShortCode(text) {
  const kept = clean(text);
  return kept.length === 16 && [...kept].every((sign) => CROCKFORD.includes(sign) || LOOK_ALIKES.includes(sign));
}

/** The slip id, in hex, of a text that has the look of a short code. */
export function readShortCode(text) {
  const read = { O: "0", I: "1", L: "1" };
  const signs = [...clean(text)].map((sign) => read[sign] || sign);
  const number = signs.reduce((sum, sign) => sum * BigInt(32) + BigInt(Math.max(0, CROCKFORD.indexOf(sign))), BigInt(0));
  return number.toString(16).padStart(20, "0");
}

function clean(text) {
  const shown = text.normalize("NFKC").replace(/[\p{Z}\p{Cc}\p{Cf}\p{Pd}\u2212\u30fc\u4e00]/gu, "");
  return shown.replace(MARKS, "").replace(/^核验码/, "").toUpperCase().replace(/^CODE(?=.{16}$)/u, "");
}

function findAll(pattern, text) {
  const found = [];
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) found.push(match);
  return found;
}

/* Without percent signs, which may be written several times over, and full width; what nobody sees is one space. */
function fold(text) {
  let decoded = text;
  for (let time = 0; time < MOST_DECODED; time += 1) decoded = decode(decoded);
  return decoded.normalize("NFKC").replace(UNSEEN, " ").replace(/ +/g, " ");
}

function decode(text) {
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

/* A piece that is long enough is a code by itself, the others are put together for as long as they can be one. */
function splitCodes(pieces) {
  const codes = [""];
  for (const piece of pieces) {
    const last = codes.length - 1;
    if (piece.length >= WHOLE_DIGITS) codes.push(piece, "");
    else if (codes[last].length + piece.length > MOST_DIGITS) codes.push(piece);
    else codes[last] += piece;
  }
  return codes.filter((code) => code.length >= LEAST_DIGITS);
}

/* Whether the text before digits ends in an address, and that is not our own. */
function isForeign(before, own) {
  const typed = before.replace(/ /g, "").replace(/、/g, "/").replace(/。/g, ".").toLowerCase();
  const address = typed.split(/[^!-~]/).pop();
  if (!address.includes("/") || !/[a-z0-9]/.test(address)) return false;
  const scheme = SCHEME.exec(address);
  return (scheme && OTHER_HOST.test(scheme[1] || "")) || cutScheme(address) !== own;
}

function cutScheme(address) {
  return address.replace(SCHEME, "");
}
