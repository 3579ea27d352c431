/* What the gate keeps in this browser: keys and status list, scans that were not sent yet, and which slips were seen
   here. Of a slip it keeps its id alone. Where the browser keeps nothing, all is held until the page is closed. */

const NAME = "lixiao-gate";
const VERSION = 2;
const MOST_SCANS = 5000;
const MOST_SEEN = 20000;
const PATIENCE_MS = 2000;

const memory = { values: new Map(), scans: new Map(), seen: new Map() };
let opened = null;
let fault = null;

/** Why something is held until the page is closed and no longer: "refused" (as in private windows), "full", or null. */
export function getStoreFault() {
  return fault;
}

/** The value kept under a name, or undefined. */
export function recall(name) {
  return read("values", name);
}

/** Keep a value under a name. */
export function keep(name, value) {
  return write("values", name, value);
}

/** Keep a scan until it is sent; whether there was room: a full store refuses rather than lose an older one. */
export async function addScan(scan) {
  if ((await countScans()) >= MOST_SCANS) return false;
  await write("scans", scan.id, scan);
  return true;
}

/** How many scans wait to be sent. */
export async function countScans() {
  return memory.scans.size + ((await run("scans", "readonly", (scans) => scans.count())) || 0);
}

/** Scans that wait, `most` of them at most, the kept ones oldest first. */
export async function listScans(most) {
  const kept = (await run("scans", "readonly", (scans) => scans.index("checked_at").getAll(null, most))) || [];
  return [...kept, ...memory.scans.values()].slice(0, most);
}

/** Forget scans that the service has. */
export async function dropScans(ids) {
  ids.forEach((id) => memory.scans.delete(id));
  await run("scans", "readwrite", (scans) => { ids.forEach((id) => scans.delete(id)); });
}

/** When and how often a slip was seen here before, `{count, last}` in ms, or undefined. */
export function recallSeen(slipId) {
  return read("seen", slipId);
}

/** Remember that a slip was seen; the slips that were not seen for longest make room. */
export async function keepSeen(slipId, seen) {
  await write("seen", slipId, { slip_id: slipId, ...seen });
  const count = await run("seen", "readonly", (slips) => slips.count());
  if (count > MOST_SEEN) await run("seen", "readwrite", (slips) => dropOldest(slips, count - MOST_SEEN));
}

/** Forget everything, as for a device that changes hands. */
export async function forgetAll() {
  Object.values(memory).forEach((held) => held.clear());
  for (const store of ["values", "scans", "seen"]) await run(store, "readwrite", (kept) => kept.clear());
}

async function read(store, name) {
  if (memory[store].has(name)) return memory[store].get(name);
  return run(store, "readonly", (kept) => kept.get(name));
}

async function write(store, name, value) {
  const isKept = await run(store, "readwrite", (kept) => (kept.keyPath ? kept.put(value) : kept.put(value, name)), true);
  if (isKept) memory[store].delete(name);
  else memory[store].set(name, value);
}

/* What the browser answers, or `undefined` where it keeps nothing; with `tells`, whether it was done. */
async function run(store, mode, act, tells = false) {
  opened = opened || open();
  const database = await opened;
  if (!database) return tells ? false : undefined;
  try {
    const transaction = database.transaction(store, mode);
    const request = act(transaction.objectStore(store));
    await end(transaction);
    return tells ? true : request && request.result;
  } catch (error) {
    fault = error && error.name === "QuotaExceededError" ? "full" : "refused";
    return tells ? false : undefined;
  }
}

function end(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

function dropOldest(slips, count) {
  let left = count;
  slips.index("last").openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor || left < 1) return;
    left -= 1;
    cursor.delete();
    cursor.continue();
  };
}

/* The database, or null where the browser has none, refuses it or never answers. */
async function open() {
  const database = await Promise.race([request().catch(() => null), wait(PATIENCE_MS)]);
  if (!database) fault = "refused";
  return database || null;
}

function request() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, VERSION);
    opening.onupgradeneeded = () => {
      for (const old of [...opening.result.objectStoreNames]) opening.result.deleteObjectStore(old);
      opening.result.createObjectStore("values");
      opening.result.createObjectStore("scans", { keyPath: "id" }).createIndex("checked_at", "checked_at");
      opening.result.createObjectStore("seen", { keyPath: "slip_id" }).createIndex("last", "last");
    };
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

function wait(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
