/* Ed25519: by the browser where it can, else by the packaged implementation. */

const OWN = "./vendor/noble-ed25519.js";
const importedKeys = new Map();

let verify = null;

/** Who verifies signatures here: "browser", "own", or null where nobody can (no secure connection, no BigInt). */
export async function chooseVerifier() {
  if (!globalThis.crypto || !crypto.subtle || !globalThis.BigInt) return null;
  if (await hasEd25519()) {
    verify = verifyByBrowser;
    return "browser";
  }
  const { verifyAsync } = await import(OWN).catch(() => ({}));
  if (!verifyAsync) return null;
  verify = (key, signature, message) => verifyAsync(signature, message, decodeBase64(key.x), { zip215: false });
  return "own";
}

/** Whether the Ed25519 signature over `message` is this published key's. */
export async function isSigned(key, signature, message) {
  if (!verify) await chooseVerifier();
  return verify(key, signature, message);
}

/** The bytes of a text in base64url without padding. */
export function decodeBase64(text) {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

async function hasEd25519() {
  try {
    await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

async function verifyByBrowser(key, signature, message) {
  let imported = importedKeys.get(key.x);
  if (!imported) {
    const jwk = { kty: key.kty, crv: key.crv, x: key.x };
    imported = await crypto.subtle.importKey("jwk", jwk, { name: "Ed25519" }, false, ["verify"]);
    importedKeys.set(key.x, imported);
  }
  return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
}
