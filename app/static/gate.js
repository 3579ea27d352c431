/* The gate's page: takes codes from a scanner, the camera, a photo or a keyboard, shows the verdict, keeps keys and
   status list fresh, and sends scans that the service has not seen. */

import { getOffset, getTimes, raiseFloor, recallOffset } from "./gate-clock.js";
import { isLapsed, judgeAlone, judgeSeen, merge } from "./gate-judge.js";
import { goesBack, openStatusList } from "./gate-list.js";
import { sendScans } from "./gate-sender.js";
import { ask, askWell, getNetwork } from "./gate-service.js";
import { chooseVerifier } from "./gate-signature.js";
import * as store from "./gate-store.js";
import { isShortCode, readDigits, readShortCode } from "./gate-text.js";
import * as view from "./gate-view.js";
import { setUpCamera } from "./qr-camera.js";
import { openReader } from "./qr-reader.js";

const REFRESH_MS = 60000;
const HANGING_REFRESH_MS = 15000;
const LIST_PATIENCE_MS = 8000;
const SCAN_PATIENCE_MS = 1500;
const HANGING_PATIENCE_MS = 300;
const LATE_PATIENCE_MS = 8000;
const KEEPING_PATIENCE_MS = 15000;
const SCANNER_MS = 60;
const SAME_SCAN_MS = 10000;
const page = document.getElementById("gate");
const input = document.getElementById("code");
const { host, baseUrl, timeZone } = page.dataset;

/* `known`: `{keys, list}`, or null until it was fetched once; `highest`: the newest list that was ever seen here,
   `{counter, issued_at, log}`; `isBack`: the service's list stands before that one; `session`: who is signed in. */
const gate = {
  host,
  known: null,
  highest: null,
  isBack: false,
  session: {},
  verifier: null,
  maxAgeMs: Number(page.dataset.listHours) * 3600000,
  toLocalDay: (moment) => new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" }).format(moment),
};
const device = { reader: { kind: "idle" }, isKept: "opening", camera: null, isFull: false };
let reader = null;
let lastScan = { digits: "", at: -SAME_SCAN_MS };
let current = 0;

async function start() {
  listen();
  input.disabled = false;
  input.focus();
  gate.verifier = await chooseVerifier();
  await openKept();
  const refreshed = refresh();
  await showState();
  if (!gate.known) await refreshed;
  page.dataset.ready = "yes";
  await register();
}

function listen() {
  document.getElementById("form").addEventListener("submit", (event) => {
    event.preventDefault();
    take(input.value);
    input.select();
    if (matchMedia("(pointer: coarse)").matches) input.blur(); // the keyboard would cover the verdict
  });
  document.addEventListener("keydown", catchScanner);
  window.addEventListener("online", refresh);
  window.addEventListener("offline", showState);
  setInterval(() => getNetwork() !== "hanging" && refresh(), REFRESH_MS);
  setInterval(() => getNetwork() === "hanging" && refresh(), HANGING_REFRESH_MS);
  document.getElementById("photo").addEventListener("change", (event) => takePhoto(event.target));
  document.getElementById("device").addEventListener("click", ({ target }) => target.closest("[data-forget]") && forget());
  const [button, video, light] = ["camera", "video", "light"].map((id) => document.getElementById(id));
  setUpCamera({ button, video, light, getReader, found: (texts) => take(pick(texts)), failed: showCameraFault });
}

/* A hand scanner types wherever the page was touched last, and ends with Enter or Tab. */
let typedAt = 0;

function catchScanner(event) {
  const isSign = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (event.key === "Tab" && event.target === input && performance.now() - typedAt < SCANNER_MS) {
    event.preventDefault();
    document.querySelector("#form button").click();
  }
  if (!isSign) return;
  typedAt = performance.now();
  if (event.target === input || event.key === " ") return;
  input.focus();
  input.select();
}

/* ---- what this device can ---- */

function getReader() {
  device.camera = null;
  if (!reader) {
    device.reader = { kind: "opening" };
    reader = openReader(page.dataset.decoder).then((opened) => {
      device.reader = opened; // whose kind changes where the first way fails
      if (opened.kind === "none") reader = null; // as without a network: tried again next time
      return opened;
    }).finally(showState);
    showState();
  }
  return reader;
}

async function register() {
  const tell = (isKept) => { device.isKept = isKept; return showState(); };
  setTimeout(() => device.isKept === "opening" && tell("no"), KEEPING_PATIENCE_MS);
  try {
    await navigator.serviceWorker.register(page.dataset.worker, { scope: "/gate" });
    await navigator.serviceWorker.ready;
    await tell("yes");
    prepareReader();
  } catch {
    await tell("no"); // no worker here, or refused
  }
}

/* Once the page is kept the decoder is too, before somebody needs it without a network. */
function prepareReader() {
  const whenIdle = window.requestIdleCallback || ((act) => setTimeout(act, 1000));
  whenIdle(getReader);
}

function showCameraFault(name) {
  device.camera = name;
  showState();
}

async function forget() {
  await store.forgetAll();
  location.reload();
}

/* ---- keys and status list ---- */

async function openKept() {
  recallOffset(await store.recall("offset"));
  gate.highest = (await store.recall("highest")) || null;
  if (gate.highest) raiseFloor(Date.parse(gate.highest.issued_at));
  const kept = gate.verifier && (await store.recall("known"));
  if (kept) gate.known = await open(kept).catch(() => null);
  if (gate.known) raiseFloor(gate.known.list.issuedAt);
}

async function open({ keys, document }) {
  return { keys, list: await openStatusList(document, host, keys, gate.toLocalDay) };
}

/* Ask the service for all that it publishes, and send what waits. */
async function refresh() {
  try {
    const { keysUrl, listUrl, sessionUrl } = page.dataset;
    const asked = [keysUrl, listUrl, sessionUrl].map((url) => askWell(url, LIST_PATIENCE_MS));
    const [keys, document, session] = await Promise.all(asked);
    showSession(session);
    await store.keep("offset", getOffset());
    if (gate.verifier) await takeList(keys, document);
    await send();
  } catch {
    /* No network, or no true answer: what is kept stays, and its age is on the page. */
  }
  await showState();
}

/* A list from before one that was seen here is a replay, or the service has lost decisions: it is not taken. */
async function takeList(keys, document) {
  const fetched = await open({ keys, document });
  gate.isBack = gate.highest !== null && goesBack(fetched.list, gate.highest);
  if (gate.isBack || (gate.known && fetched.list.issuedAt < gate.known.list.issuedAt)) return;
  gate.known = fetched;
  gate.highest = { counter: document.counter, issued_at: document.issued_at, log: document.log };
  raiseFloor(fetched.list.issuedAt);
  await store.keep("known", { keys, document });
  await store.keep("highest", gate.highest);
}

function showSession(session) {
  gate.session = session;
  page.dataset.staff = session.may_send ? "yes" : "no";
  view.showAccount(session.account, session.csrf_token);
}

async function send() {
  if (!gate.session.may_send) return;
  const seen = gate.highest && { counter: gate.highest.counter, issued_at: gate.highest.issued_at };
  await sendScans(page.dataset.checksUrl, gate.session.csrf_token, seen, gate.isBack);
  device.isFull = false;
}

/* ---- a scan ---- */

/* A poster beside the slip has codes too: the one that is ours is meant. */
function pick(texts) {
  const ours = texts.filter((text) => readDigits(text, baseUrl).digits);
  return ours.length ? ours.join("\n") : texts[0];
}

async function takePhoto(field) {
  const [file] = field.files;
  if (!file) return;
  const isCurrent = begin("reading");
  const [opened, texts] = await readPhoto(file);
  field.value = "";
  if (!isCurrent()) return;
  if (texts.length) await take(pick(texts));
  else view.show(opened && opened.kind === "none" ? "note-camera-unread" : "photo-unread");
}

async function readPhoto(file) {
  const opened = await getReader();
  return [opened, await opened.readPhoto(file).catch(() => [])]; // none where it is no picture
}

/* Take what was shown before away at once; an older scan that is still being asked about never shows over this one. */
function begin(words) {
  current += 1;
  const scan = current;
  view.show(words);
  return () => scan === current;
}

async function take(text) {
  if (!text.trim()) return;
  const isCurrent = begin("checking");
  try {
    await check(text, isCurrent);
  } catch {
    if (isCurrent()) view.show("broken");
  }
}

async function check(text, isCurrent) {
  if (isShortCode(text)) return checkShortCode(text, isCurrent);
  const { digits, problem } = readDigits(text, baseUrl);
  if (problem) return view.show(problem);
  const alone = await judgeHere(digits);
  const asked = /^[1-9][0-9]{250,274}$/.test(digits) ? askService(`/v/${digits}`) : Promise.resolve(null);
  const answer = await Promise.race([asked, wait(getNetwork() === "online" ? SCAN_PATIENCE_MS : HANGING_PATIENCE_MS)]);
  const scan = await enter(digits, alone.code);
  await showResult(merge(alone, answer), scan, digits, isCurrent);
  if (answer === undefined) {
    const late = await asked;
    if (late) await showResult(merge(alone, late), scan, digits, isCurrent);
    else showState();
  }
}

/* By the list, and by what the service once said here. */
async function judgeHere(digits) {
  const alone = await judgeAlone(digits, gate);
  const seen = alone.code && (await store.recallSeen(alone.code.slip_id));
  return seen && seen.lapsed ? { code: alone.code, verdict: seen.lapsed } : alone;
}

/* The same code within seconds is the same scan; a slip that was seen here before is told with how often. */
async function enter(digits, code) {
  const now = performance.now();
  const isSame = digits && lastScan.digits === digits && now - lastScan.at < SAME_SCAN_MS;
  if (isSame) return { ...lastScan, notes: [["just-checked", {}], ...lastScan.seen], isSame };
  const moment = getTimes().latest;
  const seen = [];
  if (code) {
    const before = await store.recallSeen(code.slip_id);
    if (before) seen.push(["seen-before", { count: before.count, moment: view.formatMoment(before.last) }]);
    const { status_index, issued_on } = code;
    const count = (before ? before.count : 0) + 1;
    await store.keepSeen(code.slip_id, { ...before, count, last: moment, status_index, issued_on });
  }
  lastScan = { digits, at: now, id: makeId(), moment, seen };
  return { ...lastScan, notes: seen, isSame };
}

async function showResult(found, scan, digits, isCurrent) {
  const notes = [...listReasons(found), ...scan.notes];
  if (isCurrent()) view.showVerdict({ ...found, notes, moment: scan.moment, digits });
  if (!found.byList) await store.dropScans([scan.id]);
  else if (!scan.isSame && found.verdict !== "malformed") await keepScan(found, scan);
  if (!found.byList && found.code && isLapsed(found.verdict)) await rememberLapse(found);
  showState();
}

async function rememberLapse({ code, verdict }) {
  await store.keepSeen(code.slip_id, { ...(await store.recallSeen(code.slip_id)), lapsed: verdict });
}

function listReasons({ note, byList, isLimited, verdict }) {
  const reasons = note ? [[note, { hours: page.dataset.listHours }]] : [];
  if (isLimited) reasons.push(["limited", {}]);
  if (byList && gate.known && !["malformed", "bad_signature"].includes(verdict)) {
    const moment = view.formatMoment(gate.known.list.issuedAt);
    reasons.push([getNetwork() === "offline" ? "by-list-offline" : "by-list", { moment }]);
  }
  return reasons;
}

async function keepScan({ verdict, code }, { id, moment }) {
  const scan = { id, slip_id: code ? code.slip_id : null, verdict, checked_at: new Date(moment).toISOString() };
  device.isFull = !(await store.addScan(scan));
}

async function checkShortCode(text, isCurrent) {
  const answer = await Promise.race([askService(page.dataset.enterUrl, text), wait(SCAN_PATIENCE_MS)]);
  if (!isCurrent()) return;
  const isTold = answer && ![undefined, "status_unknown"].includes(answer.verdict);
  if (isTold && answer.verdict === "never_issued") return view.show("short-code-unknown");
  const moment = getTimes().latest;
  if (isTold) return view.showVerdict({ verdict: answer.verdict, slip: answer, notes: [], moment });
  const alone = judgeSeen(await store.recallSeen(readShortCode(text)), gate);
  if (alone) return view.showVerdict({ ...alone, notes: listReasons({ ...alone, byList: true }), moment });
  view.show("short-code");
  document.querySelector("#result [name=code]").value = text;
}

/* The service's own verdict, or null, as where it answers with an error. What it cannot tell comes with the status 503. */
async function askService(url, typed) {
  if (navigator.onLine === false) return null;
  try {
    const { data } = await ask(url, LATE_PATIENCE_MS, typed ? { form: { code: typed } } : {});
    return data.verdict ? data : null;
  } catch {
    return null;
  }
}

/* ---- the state ---- */

async function showState() {
  const list = gate.known && gate.known.list;
  const isOld = list && (getTimes().isBehind || getTimes().latest - list.issuedAt > gate.maxAgeMs);
  const waiting = await store.countScans();
  view.showState({
    network: getNetwork(),
    list: list && { ...list, state: isOld ? "stale" : "fresh" },
    waiting,
    mustSignIn: waiting > 0 && !gate.session.may_send,
    abilities: { reader: device.reader.kind, verifier: gate.verifier || "none", kept: device.isKept },
  });
  view.showDevice(listDeviceNotes());
}

function listDeviceNotes() {
  const notes = view.listClockNotes();
  const fault = store.getStoreFault();
  if (!gate.verifier) notes.push(["unsupported", {}]);
  if (gate.isBack) notes.push(["list-back", { counter: gate.highest.counter }]);
  if (fault) notes.push([`store-${fault}`, {}]);
  if (device.isKept === "no") notes.push(["worker-missing", {}]);
  if (device.isFull) notes.push(["scans-full", {}]);
  if (device.camera) notes.push([`camera-${device.camera}`, {}]);
  else if (device.reader.kind === "none") notes.push(["camera-unread", {}]);
  return notes;
}

function makeId() {
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function wait(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}

start().catch(() => view.show("broken"));
