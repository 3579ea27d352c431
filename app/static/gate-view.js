/* What the gate's page shows: a verdict with its notes, the state of network, list and device. Every word stands in a
   template of the page. */

import { getClockError, getTimes, isMeasured } from "./gate-clock.js";

const locale = document.documentElement.lang;
const numbers = locale === "en" ? "en-GB" : locale;
const page = document.getElementById("gate");
const { timeZone } = page.dataset;
const result = document.getElementById("result");
const MINUTE_MS = 60000;
const OLD_MS = 30000;
const FIELDS = ["masked_name", "last_four", "college", "level", "issued_on"];

let fading = null;

/** Show one template's words in the place of the result. */
export function show(name) {
  clearTimeout(fading);
  result.removeAttribute("data-old");
  result.textContent = "";
  result.append(getTemplate(name));
}

/** Show a verdict: `{verdict, code, slip, notes, moment}`. `slip` has the public fields of the service's answer;
    `notes` are `[name, values]`, their values going where the template names them. */
export function showVerdict({ verdict, code, slip, notes, moment, digits }) {
  show(`verdict-${verdict}`);
  const told = document.createElement("p");
  told.textContent = `${page.dataset.checkedAt} ${formatMoment(moment, { second: "2-digit" })}`;
  result.querySelector(".seal").append(told);
  const shown = slip && slip.masked_name ? slip : code;
  if (shown) result.append(fillSlip(shown, digits));
  notes.forEach(([name, values]) => result.append(fill(getTemplate(`note-${name}`), values)));
  fading = setTimeout(() => { result.dataset.old = "yes"; }, OLD_MS); // the next person stands here by now
  if (document.getElementById("video").hidden) (result.querySelector(".big") || result).scrollIntoView({ block: "nearest" });
  if (navigator.vibrate) navigator.vibrate(verdict === "valid" ? 60 : [80, 60, 80]);
}

/** Show what is the matter with the device above the result, each note once: `[name, values]`. */
export function showDevice(notes) {
  const place = document.getElementById("device");
  const wanted = notes.map(([name]) => name);
  for (const old of [...place.children]) if (!wanted.includes(old.dataset.note)) old.remove();
  for (const [name, values] of notes) {
    const old = place.querySelector(`[data-note="${name}"]`);
    if (old) fill(old, values);
    else place.append(fill(getTemplate(`note-${name}`), values));
  }
}

/** Show how it stands with network, list and scans that wait; `abilities` says by what means this device works. */
export function showState({ network, list, waiting, mustSignIn, abilities }) {
  page.dataset.network = network;
  page.dataset.list = list ? list.state : "none";
  document.getElementById("list-age").textContent = list ? describeAge(list.issuedAt) : "";
  document.getElementById("list-number").textContent = list ? list.counter : "";
  document.getElementById("waiting").textContent = String(waiting);
  document.getElementById("sign-in").hidden = !mustSignIn;
  for (const [name, value] of Object.entries(abilities)) page.setAttribute(`data-${name}`, value);
}

/** Show who is signed in, or that nobody is: the page itself is kept, and names nobody. */
export function showAccount(account, token) {
  document.querySelectorAll("[data-account]").forEach((old) => old.remove());
  if (!account) return;
  const template = document.getElementById("account");
  const shown = fill(template.content.cloneNode(true), account);
  shown.querySelector("[name=csrf_token]").value = token;
  template.after(shown);
}

/** The notes that the device's clock calls for. */
export function listClockNotes() {
  const error = getClockError();
  if (getTimes().isBehind) return [["clock-unknown", {}]];
  if (!error) return [];
  if (!isMeasured()) return [["clock-remembered", {}]];
  return [[error > 0 ? "clock-ahead" : "clock-behind", { duration: formatDuration(Math.abs(error)) }]];
}

/** A moment as every page writes it: 2026年6月1日 14:30, and 1 Jun 2026, 14:30. */
export function formatMoment(moment, more = {}) {
  const time = { ...more, timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(numbers, { ...DAY, ...time }).format(moment);
}

const DAY = { year: "numeric", month: locale === "en" ? "short" : "long", day: "numeric" };

function fillSlip(slip, digits) {
  const fields = getTemplate("slip-fields");
  for (const name of FIELDS) {
    const place = fields.querySelector(`[data-field=${name}]`);
    if (slip[name]) place.textContent = name === "issued_on" ? formatDay(slip[name]) : slip[name];
    else place.parentNode.remove();
  }
  for (const label of fields.querySelectorAll("[data-label]")) {
    const name = slip[label.dataset.label];
    if (name) label.textContent = label.dataset.named.replace("{}", () => name);
  }
  const full = fields.querySelector("[data-full]");
  if (digits && page.dataset.staff === "yes" && page.dataset.network === "online") full.href = `/v/${digits}`;
  else full.remove();
  return fields;
}

function fill(shown, values) {
  for (const [name, value] of Object.entries(values || {})) {
    const place = shown.querySelector(`[data-field=${name}]`);
    if (place) place.textContent = value;
  }
  return shown;
}

function getTemplate(name) {
  return document.getElementById(name).content.cloneNode(true);
}

function formatDay(text) {
  return new Intl.DateTimeFormat(numbers, { ...DAY, timeZone: "UTC" }).format(new Date(text));
}

function describeAge(moment) {
  const minutes = Math.max(0, Math.floor((getTimes().latest - moment) / MINUTE_MS));
  const ago = new Intl.RelativeTimeFormat(locale);
  const [amount, unit] = chooseUnit(minutes);
  const age = ago.format(-amount, unit);
  return `${formatMoment(moment)} · ${age}`;
}

function formatDuration(ms) {
  const [amount, unit] = chooseUnit(Math.round(ms / MINUTE_MS));
  return new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" }).format(amount);
}

function chooseUnit(minutes) {
  if (minutes < 120) return [minutes, "minute"];
  return minutes < 2880 ? [Math.floor(minutes / 60), "hour"] : [Math.floor(minutes / 1440), "day"];
}
