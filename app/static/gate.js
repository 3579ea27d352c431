/* The gate's page: reads a code, shows the verdict, keeps keys and status list fresh, sends checks. */

import { checkCode, isShortCode, readDigits } from "./gate-code.js";
import { startCamera } from "./gate-camera.js";
import { judgeWithList, openStatusList } from "./gate-status.js";
import { addCheck, countChecks, keep, recall } from "./gate-store.js";
import { sendChecks } from "./gate-sender.js";

const locale = document.documentElement.lang;
const REFRESH_MS = 60000;
const PATIENCE_MS = 4000;
const ANOTHER_LIST_MAY_KNOW = ["never_issued", "status_unknown", "unknown_key", "bad_signature"];
const page = document.getElementById("gate");
const input = document.getElementById("code");
const { host, baseUrl, timeZone, keysUrl, listUrl } = page.dataset;
const maxAgeMs = Number(page.dataset.listHours) * 3600000;

/* What is known of the service: `{keys, list}`, or null until it was fetched once. */
let known = null;

async function start() {
  if (!window.isSecureContext || !crypto.subtle || !(await hasEd25519())) return show("unsupported");
  await openKept();
  const refreshed = refresh();
  if (!known) await refreshed;
  document.getElementById("form").addEventListener("submit", (event) => {
    event.preventDefault();
    check(input.value).then(() => input.select());
  });
  window.addEventListener("online", refresh);
  window.addEventListener("offline", showState);
  setInterval(refresh, REFRESH_MS);
  window.addEventListener("online", showAccount);
  showAccount();
  startCamera(document.getElementById("camera"), check);
  await register();
  input.disabled = false;
  input.focus();
  page.dataset.ready = "yes";
}

async function hasEd25519() {
  try {
    await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
    return true;
  } catch {
    return false;
  }
}

async function register() {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register(page.dataset.worker, { scope: "/gate" }).catch(() => null);
}

/* ---- keys and status list ---- */

async function openKept() {
  const kept = await recall("known");
  if (kept) known = await open(kept).catch(() => null);
}

async function open({ keys, document }) {
  return { keys, list: await openStatusList(document, host, keys, toLocalDay) };
}

/** Ask the service anew, and tell whether its list is what is known now. A list from before the kept one is
    somebody's replay and is not taken. */
async function refresh() {
  let isCurrent = false;
  try {
    const [keys, document] = await Promise.all([fetchJson(keysUrl), fetchJson(listUrl)]);
    const fetched = await open({ keys, document });
    if (!isBefore(fetched, known)) {
      known = fetched;
      isCurrent = true;
      await keep("known", { keys, document });
    }
    await send();
  } catch {
    /* No network, or no true answer: what is kept stays, and its age is on the page. */
  }
  await showState();
  return isCurrent;
}

function isBefore({ list }, kept) {
  return kept !== null && list.counter < kept.list.counter && list.issuedAt < kept.list.issuedAt;
}

async function fetchJson(url) {
  const answer = await askJson(url);
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

function askJson(url) {
  const options = { cache: "no-cache", headers: { Accept: "application/json" } };
  return fetch(url, { ...options, signal: AbortSignal.timeout(PATIENCE_MS) });
}

/* ---- a check ---- */

async function check(text) {
  if (!text.trim()) return;
  if (isShortCode(text)) return show("short-code");
  const digits = readDigits(text, baseUrl);
  let result = await judge(digits);
  if (ANOTHER_LIST_MAY_KNOW.includes(result.verdict) && navigator.onLine) {
    result = await judge(digits, await refresh());
  }
  if (result.verdict === "unknown_key" && !(await isUnknownToService(digits))) {
    result = { verdict: "status_unknown", note: "no-key", code: null };
  }
  if (result.verdict === "bad_signature" && (await askService(digits)) === "status_unknown") {
    result = { verdict: "status_unknown", note: null, code: null };
  }
  showVerdict(result);
  if (/^[0-9]{1,400}$/.test(digits)) await keepCheck(digits, result.verdict);
}

async function judge(digits, isCurrent = false) {
  if (!known) return { verdict: "status_unknown", note: "nothing-kept", code: null };
  const now = new Date();
  const checked = await checkCode(digits, host, known.keys, toLocalDay(now));
  return checked.code ? judgeWithList(checked, known.list, now, maxAgeMs, toLocalDay, isCurrent) : checked;
}

/* A key may be newer than what this device keeps, or known to another host alone: only the service, which has
   the issued log, says that nobody here has it. */
async function isUnknownToService(digits) {
  if (!navigator.onLine) return false;
  return (await askService(digits)) === "unknown_key";
}

/* The service's own verdict, or null. What it cannot tell comes with the status 503. */
async function askService(digits) {
  if (!navigator.onLine) return null;
  try {
    const answer = await askJson(`/v/${digits}`);
    return (await answer.json()).verdict;
  } catch {
    return null;
  }
}

async function keepCheck(code, verdict) {
  await addCheck({ id: crypto.randomUUID(), code, verdict, checked_at: new Date().toISOString() });
  if (navigator.onLine) await send().catch(() => null);
  await showState();
}

async function send() {
  document.getElementById("sign-in").hidden = !(await sendChecks(page.dataset));
}

function toLocalDay(moment) {
  return new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" }).format(moment);
}

/* ---- what the page shows ---- */

function showVerdict({ verdict, code, note }) {
  show(`verdict-${verdict}`);
  const result = document.getElementById("result");
  const told = document.createElement("p");
  told.textContent = `${page.dataset.checkedAt} ${formatMoment(new Date())}`;
  result.querySelector(".seal").append(told);
  if (note) result.append(document.getElementById(`note-${note}`).content.cloneNode(true));
  if (!code) return;
  const fields = document.getElementById("slip-fields").content.cloneNode(true);
  for (const name of ["masked_name", "last_four", "issued_on"]) {
    fields.querySelector(`[data-field=${name}]`).textContent = name === "issued_on" ? formatDay(code[name]) : code[name];
  }
  result.append(fields);
}

/* Days and moments as every page writes them: 2026年6月1日 14:30, and 1 Jun 2026, 14:30. */
const DAY = { year: "numeric", month: locale === "en" ? "short" : "long", day: "numeric" };

function formatMoment(moment) {
  const time = { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(locale === "en" ? "en-GB" : locale, { ...DAY, ...time }).format(moment);
}

function formatDay(text) {
  return new Intl.DateTimeFormat(locale === "en" ? "en-GB" : locale, { ...DAY, timeZone: "UTC" }).format(new Date(text));
}

function show(template) {
  document.getElementById("result").replaceChildren(document.getElementById(template).content.cloneNode(true));
}

/* The page itself is kept, and names nobody. */
async function showAccount() {
  const { account, csrf_token: token } = await fetchJson(page.dataset.accountUrl).catch(() => ({}));
  document.querySelectorAll("[data-account]").forEach((old) => old.remove());
  if (!account) return;
  const template = document.getElementById("account");
  const shown = template.content.cloneNode(true);
  for (const name of ["name", "last_four"]) shown.querySelector(`[data-field=${name}]`).textContent = account[name];
  shown.querySelector("[name=csrf_token]").value = token;
  template.after(shown);
}

async function showState() {
  page.dataset.network = navigator.onLine ? "online" : "offline";
  page.dataset.list = describeList();
  document.getElementById("list-age").textContent = known ? formatAge(known.list.issuedAt) : "";
  document.getElementById("waiting").textContent = String(await countChecks());
}

function describeList() {
  if (!known) return "none";
  return Date.now() - known.list.issuedAt > maxAgeMs ? "stale" : "fresh";
}

function formatAge(moment) {
  const minutes = Math.max(0, Math.floor((Date.now() - moment) / 60000));
  const ago = new Intl.RelativeTimeFormat(locale);
  const age = minutes < 60 ? ago.format(-minutes, "minute") : ago.format(-Math.floor(minutes / 60), "hour");
  return `${formatMoment(moment)} · ${age}`;
}

start();
