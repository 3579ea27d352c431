/* Keeps the gate's page and files, so that it opens without a network. The address that imports this has set
   FILES (addresses), LATER (those of the decoder, kept when they are first used), VERSION (changes with their content) and
   LANGUAGE (the argument that chooses one); a new version replaces the old one whole. */

const PATIENCE_MS = 4000;
const CACHE = `gate-${VERSION}`;

self.addEventListener("install", (event) => {
  const wanted = FILES.map((file) => new Request(file, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(wanted)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(dropOldCaches().then(() => self.clients.claim()));
});

/* Kept files come from the cache; everything else, the service's answers above all, from the network. */
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const address = url.pathname + url.search;
  if (url.pathname === FILES[0] && url.searchParams.has(LANGUAGE)) event.respondWith(switchLanguage(event.request));
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (FILES.includes(address)) event.respondWith(answer(event.request, address));
  if (LATER.includes(address)) event.respondWith(answerAndKeep(event.request, address));
});

async function answerAndKeep(request, address) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(address, { ignoreVary: true });
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(address, answer.clone());
  return answer;
}

async function answer(request, address) {
  const cache = await caches.open(CACHE);
  return (await cache.match(address, { ignoreVary: true })) || fetch(request);
}

/* The service remembers the language; then the page is kept anew, in it. Without a network it stays as it is. */
async function switchLanguage(request) {
  try {
    const end = new AbortController();
    setTimeout(() => end.abort(), PATIENCE_MS);
    await fetch(request.url, { signal: end.signal });
    await (await caches.open(CACHE)).add(new Request(FILES[0], { cache: "reload" }));
  } catch {
    /* no network */
  }
  return Response.redirect(FILES[0]);
}

async function dropOldCaches() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("gate-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}
