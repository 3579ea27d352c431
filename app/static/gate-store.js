/* What the gate keeps in this browser: the last keys and status list, and checks that were not sent yet. */

const NAME = "lixiao-gate";
const MOST_CHECKS = 5000;

let opened = null;

/** The value kept under a name, or undefined. */
export function recall(name) {
  return run("values", "readonly", (values) => values.get(name));
}

/** Keep a value under a name. */
export function keep(name, value) {
  return run("values", "readwrite", (values) => values.put(value, name));
}

/** Keep a check until it is sent; a full store refuses rather than lose an older one. */
export async function addCheck(check) {
  if ((await countChecks()) < MOST_CHECKS) await run("checks", "readwrite", (checks) => checks.put(check));
}

/** How many checks wait to be sent. */
export function countChecks() {
  return run("checks", "readonly", (checks) => checks.count());
}

/** The oldest checks that wait, `most` of them at most. */
export function listChecks(most) {
  return run("checks", "readonly", (checks) => checks.index("checked_at").getAll(null, most));
}

/** Forget checks that the service has. */
export function dropChecks(ids) {
  return run("checks", "readwrite", (checks) => {
    ids.forEach((id) => checks.delete(id));
  });
}

async function run(store, mode, act) {
  opened = opened || open();
  const transaction = (await opened).transaction(store, mode);
  const request = act(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request && request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("values");
      request.result.createObjectStore("checks", { keyPath: "id" }).createIndex("checked_at", "checked_at");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
