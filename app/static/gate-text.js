/* What a scanner, a camera or a person hands over, read by the rule of `find_digits` in app/domain/texts.py. */

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LOOK_ALIKES = "OILАВЕЗІЈКМНОРЅСТУХΑΒΕΖΗΙΚΜΝΟΡΤΥΧ〇"; // as app/domain/texts.py reads them
const MARKS = /["'`.,:;_、。·“”‘’「」『』《》<>()[\]{}]/g;
const UNSEEN = /[\p{Z}\p{Cc}\p{Cf}]/gu;

/** The digits of our own address or bare ones; or the `problem` with a text: "several" codes, a "foreign" address.
    A text without digits has none: `{digits: ""}`. */
export function readDigits(text, baseUrl) {
  const shown = decode(text.normalize("NFKC"));
  const whole = find(shown.replace(/\p{Cf}/gu, ""), baseUrl, /[0-9]{250,}/g);
  const { runs, isForeign } = whole.runs.size ? whole : find(shown.replace(UNSEEN, ""), baseUrl, /[0-9]{100,}/g);
  if (runs.size > 1) return { problem: "several" };
  if (isForeign) return { problem: "foreign" };
  return { digits: [...runs][0] || "" };
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

/* Two codes may stand in two lines, and one may be broken into lines: whole ones are looked for first. */
function find(text, baseUrl, runs) {
  const own = `${cutScheme(baseUrl.toLowerCase())}/v/`;
  const found = { runs: new Set(), isForeign: false };
  for (let run = runs.exec(text); run; run = runs.exec(text)) {
    const typed = text.slice(0, run.index).replace(/、/g, "/").replace(/。/g, ".").toLowerCase();
    const [before] = /[!-~]*$/.exec(typed);
    found.runs.add(run[0]);
    if (before.includes("/") && cutScheme(before) !== own) found.isForeign = true;
  }
  return found;
}

function decode(text) {
  return text.replace(/%([0-7][0-9a-f])/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}

function cutScheme(address) {
  return address.replace(/^.*https?:\/+|^[^a-z0-9]+/, "");
}
